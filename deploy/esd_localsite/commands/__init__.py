"""The commands `esd-deploy local …`."""
