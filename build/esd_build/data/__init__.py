"""The project's data files as strict models, names of images, and the errors that reach a user."""
