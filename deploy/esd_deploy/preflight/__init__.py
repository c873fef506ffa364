"""What is refused before anything is submitted: by what this machine knows, and by what the site said."""
