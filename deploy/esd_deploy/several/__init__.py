"""Many runs at once: which ones are meant, their order, sweeps, and one look at all of them."""
