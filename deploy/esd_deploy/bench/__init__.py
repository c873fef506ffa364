"""Series of measurements: which points, how they are run, what counts, what they show."""
