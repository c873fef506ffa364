"""The commands of esd-deploy: options, and what a person sees."""
