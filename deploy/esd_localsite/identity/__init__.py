"""Who may come in: users, sessions, and the site's own OpenID Connect issuer."""
