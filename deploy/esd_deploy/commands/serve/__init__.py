"""The commands about jobs that stay: services."""
