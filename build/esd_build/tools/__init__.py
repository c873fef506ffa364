"""Outside programs, one module each: the only places that know their words and errors."""
