"""How sure a value is that was read somewhere: the same words for a site's settings and for a release's pins."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator

Certainty = Literal["site", "primary", "secondary", "inferred", "general", "guess"]
"""site: the site itself said so (`esd-deploy site probe`) · primary: read in the site's or author's own text · secondary: second hand,
or one step of deduction · inferred: from dates or relatives · general: general knowledge, not verified · guess: somebody must look."""
LETTERS: Mapping[str, Certainty] = {"H": "primary", "M": "secondary", "L": "inferred", "R": "general"}
"""As a release.yaml abbreviates them."""


def _spelt_out(value: object) -> object:
    return LETTERS.get(value, value) if isinstance(value, str) else value


Spelt = Annotated[Certainty, BeforeValidator(_spelt_out)]
"""A certainty, by its word or by its letter."""


def letter(certainty: Certainty) -> str:
    """The letter of a certainty, for narrow tables; the word itself where it has none."""
    return next((letter for letter, word in LETTERS.items() if word == certainty), certainty)
