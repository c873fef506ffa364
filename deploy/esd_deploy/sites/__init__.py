"""Site files, how certain their values are, and the credentials that a site asks for."""
