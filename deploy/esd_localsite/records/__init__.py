"""What is kept of jobs on disk: their records, storages and working folders."""
