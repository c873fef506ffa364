"""The files that a lock is built from: where they are, a mirror of them, and which of them a user accepted."""
