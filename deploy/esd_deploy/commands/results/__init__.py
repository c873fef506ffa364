"""The commands about what runs left."""
