"""A finished image and what belongs to it: contents, bill of materials, provenance, tags, OCI twin, publishing."""
