"""What a waiting person sees: progress, and tables in a notebook."""
