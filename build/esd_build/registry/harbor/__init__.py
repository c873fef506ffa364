"""Harbor's own interface, which says before a push whether the registry will take it."""
