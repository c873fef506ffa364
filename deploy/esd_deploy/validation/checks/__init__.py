"""What the steps of a validation mean: judgements, one module a topic. Pure."""
