"""How a job's results are fetched: the job's own inventory, local names, downloads."""
