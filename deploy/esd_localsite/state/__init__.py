"""What a site uses on this machine: addresses, ports, paths."""
