"""The site's processes: starts them in order, watches them, breaks them on purpose, ends them."""
