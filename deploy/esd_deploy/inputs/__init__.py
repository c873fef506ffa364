"""What a user sends with a run: the script's folder, packages, parameters, variables. Pure but for reading files."""
