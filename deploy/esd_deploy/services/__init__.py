"""What stays while a job runs: tunnels to its ports."""
