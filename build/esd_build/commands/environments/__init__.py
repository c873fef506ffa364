"""The commands about environments: those that Spack installs, and our releases beside ESD's manifest."""
