"""The commands of esd-build, one module a group: options and what a person sees."""
