"""What a job left in its folder, and how it comes here: the job's own inventory, names for each thing, downloads."""
