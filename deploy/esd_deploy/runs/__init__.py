"""A run's life: record, submission, following, results, ending, rerun, fleet."""
