"""The result of a check: an outcome with its reason, advice if it failed, and measurements."""

from pydantic import BaseModel, ConfigDict

from esd_build.data.outcome import WORST, Outcome

__all__ = ["WORST", "Measurement", "Outcome", "Verdict", "failed", "passed", "skipped", "unknown"]


class Measurement(BaseModel):
    """One measured number and its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    unit: str


class Verdict(BaseModel):
    """The outcome of one check. `advice` names the setting to change, or what an unknown check lacks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    reason: str
    advice: str = ""
    measured: tuple[Measurement, ...] = ()


def passed(reason: str, *measured: Measurement) -> Verdict:
    """The check ran, and found no fault."""
    return Verdict(outcome="passed", reason=reason, measured=measured)


def failed(reason: str, advice: str, *measured: Measurement) -> Verdict:
    """The check ran, and found a fault."""
    return Verdict(outcome="failed", reason=reason, advice=advice, measured=measured)


def unknown(reason: str, *measured: Measurement) -> Verdict:
    """The check could not decide."""
    return Verdict(outcome="unknown", reason=reason, measured=measured)


def skipped(reason: str) -> Verdict:
    """The check does not apply here."""
    return Verdict(outcome="skipped", reason=reason)
