"""Judges the output of a validation's steps; one module for each topic. Pure."""
