"""What a server may cost us, and where a request may go: the same for each kind of server, whatever library speaks to it."""
