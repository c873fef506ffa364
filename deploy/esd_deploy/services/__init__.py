"""Jobs that stay: runs that serve until they are stopped, clients of what they serve, tunnels to the ports of jobs."""
