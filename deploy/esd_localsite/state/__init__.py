"""What a site was given on this machine, and where its things lie."""
