"""Limits on a server's answers, retries, and where a request may go: for every server and every HTTP library."""
