"""What both command lines share before any command runs: Ctrl-C, the version, old names."""
