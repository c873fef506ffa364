"""ParaStation's launcher for real: psid with psslurm and pspmix in place of slurmd (`local up --launcher parastation`)."""
