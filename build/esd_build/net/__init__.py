"""What a server may cost us, how long it is asked again, and where a request may go: whatever the server, whatever library speaks to it."""
