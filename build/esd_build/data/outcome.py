"""What a check comes to: the same four words in every room."""

from typing import Literal

Outcome = Literal["passed", "failed", "unknown", "skipped"]
"""`unknown`: the check could not decide. `skipped`: it does not apply here, or a check that it needs failed. Neither is passed."""
WORST: tuple[Outcome, ...] = ("failed", "unknown", "skipped", "passed")
