"""How an environment is installed into an image: Debian with hash-locked wheels, or Spack."""
