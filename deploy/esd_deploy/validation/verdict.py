"""What a check comes to: an outcome with its reason, what to change where it failed, and what was measured."""

from pydantic import BaseModel, ConfigDict

from esd_build.data.outcome import WORST, Outcome

__all__ = ["WORST", "Measurement", "Outcome", "Verdict", "failed", "passed", "skipped", "unknown"]


class Measurement(BaseModel):
    """One number, in the unit that its verdict names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    unit: str


class Verdict(BaseModel):
    """The outcome of one check. `advice` names the setting to change; only a failed check has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    reason: str
    advice: str = ""
    measured: tuple[Measurement, ...] = ()


def passed(reason: str, *measured: Measurement) -> Verdict:
    """The check looked, and it is well."""
    return Verdict(outcome="passed", reason=reason, measured=measured)


def failed(reason: str, advice: str, *measured: Measurement) -> Verdict:
    """The check looked, and it is not well."""
    return Verdict(outcome="failed", reason=reason, advice=advice, measured=measured)


def unknown(reason: str, *measured: Measurement) -> Verdict:
    """The check could not look."""
    return Verdict(outcome="unknown", reason=reason, measured=measured)


def skipped(reason: str) -> Verdict:
    """There is nothing to look at here."""
    return Verdict(outcome="skipped", reason=reason)
