"""The pages of `esd-deploy ui`, one module for each kind."""
