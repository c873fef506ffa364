"""What every build stands on: stages with their keys, the cache, build folders, downloads, progress."""
