"""What a check comes to: the same four words in every room."""

from typing import Literal

Outcome = Literal["passed", "failed", "unknown", "skipped"]
"""`unknown`: the check could not look. `skipped`: it does not apply here, or what it rests on has failed. Neither is passed."""
WORST: tuple[Outcome, ...] = ("failed", "unknown", "skipped", "passed")
