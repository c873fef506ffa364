"""The site's processes: started in order, watched, broken on purpose, ended."""
