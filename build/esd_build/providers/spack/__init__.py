"""Environments installed by Spack: their locks, their sources, and how an image is built from them."""
