"""The web page of one user on this machine's loopback: it shows and does what the commands show and do."""
