"""A run's life: submission, following, results, rerun, fleet."""
