"""Configuration of a neuromorphic queue's machine that a user asks for, for one run. Pure."""

import re
from collections.abc import Sequence

from esd_build.data.errors import UsageError
from esd_deploy.inputs import parameters
from esd_deploy.sites.config import SiteConfig

Value = str | int | float | bool
Settings = tuple[tuple[str, Value], ...]
"""Key and value of each, in the order in which they were given."""
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MOST = 100
_LONGEST = 1000
_ELSEWHERE = {("SpiNNaker", "timeout"): "--time sets it, in whole hours; give --time, e.g. --time 2h"}
"""Platform and key → what sets it instead."""
_WORDS: dict[str, Value] = {"true": True, "false": False}


def typed(given: Sequence[str]) -> Settings:
    """KEY=VALUE of each: true, false, a number where the word is one, else the text; in double quotes always text.

    Raises UsageError for any other form, and for a key that is given twice.
    """
    found: dict[str, Value] = {}
    for word in given:
        key, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"--hardware-config '{word[:_LONGEST]}': expected KEY=VALUE, e.g. --hardware-config spynnaker_version=7.3.0")
        if key in found:
            raise UsageError(f"--hardware-config {key[:_LONGEST]}: given twice; leave one out")
        found[key] = _value(text)
    return tuple(found.items())


def with_hardware(site: SiteConfig, chosen: Settings) -> SiteConfig:
    """The site with a run's own settings over those of its `nmpi.hardware_config`.

    Raises UsageError where there is no queue that would read them, and for a key or a value that no request should carry.
    """
    if not chosen:
        return site
    if site.nmpi is None:
        raise UsageError(
            f"--hardware-config {chosen[0][0][:_LONGEST]}: site '{site.name}' is no neuromorphic queue (kind: {site.kind}), so nothing "
            "reads it; leave it out, or choose a site of kind nmpi"
        )
    if len(chosen) > _MOST:
        raise UsageError(f"--hardware-config: {len(chosen)} settings, a job takes at most {_MOST}")
    for key, value in chosen:
        _require(key, value)
        if (site.nmpi.platform, key) in _ELSEWHERE:
            raise UsageError(f"--hardware-config {key}: {_ELSEWHERE[site.nmpi.platform, key]}")
    merged = site.nmpi.model_copy(update={"hardware_config": {**site.nmpi.hardware_config, **dict(chosen)}})
    return site.model_copy(update={"nmpi": merged})


def _value(text: str) -> Value:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return _WORDS[text] if text in _WORDS else parameters.value(text)


def _require(key: str, value: Value) -> None:
    if not _KEY.fullmatch(key):
        raise UsageError(
            f"--hardware-config {key[:_LONGEST]!r}: expected a key of at most 64 letters, digits and _ . -, which begins with a letter or _"
        )
    if isinstance(value, str) and (len(value) > _LONGEST or not value.isprintable()):
        raise UsageError(f"--hardware-config {key}: expected a value of one line with at most {_LONGEST:,} printable characters")
