"""What a job may ask for: JSON from a client to frozen values, within the limits of the site."""
