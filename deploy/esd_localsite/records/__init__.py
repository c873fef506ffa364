"""What is kept on disk about jobs: records, storages and working folders."""
