"""The manifest of the EBRAINS Software Distribution, and how our releases differ from it."""
