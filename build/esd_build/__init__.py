"""From a recipe and an environment to a SIF image in a registry, named by digest."""
