"""Files of users, reached with the rights of their owner."""
