"""Which images can be built, in which form, and which were built."""
