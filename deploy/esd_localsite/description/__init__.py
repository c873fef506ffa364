"""What a job may ask for: turns a client's JSON into frozen values, within the limits of the site."""
