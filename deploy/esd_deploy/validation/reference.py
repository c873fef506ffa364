"""References: the speed that a site has reached, and the spikes that an image has given. Made on request, kept as data.

`site-configs/references/<site>.json` (or beside a site's file of one's own), `recipes/<image>/spikes.json`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esd_build.data.errors import ConfigError, ToolError
from esd_deploy.sites.catalogue import PACKAGED, Catalogue
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.terms.verdict import Measurement, Verdict

TOLERANCE = 0.5
"""Share by which a value may be worse than its reference, if the file does not say."""
_HIGHER_IS_BETTER = frozenset({"MB/s"})
_WITHOUT = frozenset({"x"})


class Reference(BaseModel):
    """One value, its unit, and the share by which a new value may be worse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = Field(gt=0)
    unit: str
    tolerance: float = Field(TOLERANCE, gt=0)


class References(BaseModel):
    """One site's reference values, by the name of the measurement."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made: datetime | None = None
    image: str = ""
    values: dict[str, Reference] = Field(default_factory=dict)

    @classmethod
    def of(cls, image: str, measured: tuple[Measurement, ...]) -> Self:
        """References from the measurements of one validation."""
        values = {one.name: Reference(value=one.value, unit=one.unit, tolerance=TOLERANCE) for one in measured if one.unit not in _WITHOUT}
        return cls(made=datetime.now(UTC).replace(microsecond=0), image=image, values=values)


_MISSING = "this site has no reference yet; if these values are right, `--make-reference` keeps them as one"


def compared(verdict: Verdict, references: References) -> Verdict:
    """A verdict on speed, compared with the site's references. Without one, the verdict is `unknown`. Pure."""
    own = [one for one in verdict.measured if one.unit not in _WITHOUT]
    if verdict.outcome != "passed" or not own:
        return verdict
    known = [(one, references.values[one.name]) for one in own if one.name in references.values]
    if len(known) < len(own):
        return verdict.model_copy(update={"outcome": "unknown", "advice": _MISSING})
    worse = [f"{one.name} {one.value:.4g} {one.unit}, reference {ref.value:.4g}" for one, ref in known if _worse(one, ref)]
    if worse:
        reason = f"{'; '.join(worse)} (worse by more than {max(ref.tolerance for _, ref in known):.0%})"
        return verdict.model_copy(
            update={
                "outcome": "failed",
                "reason": reason,
                "advice": "check 'threads', the transports, and other work on the nodes; --make-reference if these values are right",
            }
        )
    return verdict.model_copy(update={"reason": f"{verdict.reason}; within the references"})


def _worse(one: Measurement, reference: Reference) -> bool:
    if one.unit in _HIGHER_IS_BETTER:
        return one.value < reference.value / (1 + reference.tolerance)
    return one.value > reference.value * (1 + reference.tolerance)


def path_of(site: SiteConfig) -> Path:
    """The file of a site's references: beside the site's file; for sites of the installed package, in the user's folder."""
    return _folder(site) / "references" / f"{site.name}.json"


def _folder(site: SiteConfig) -> Path:
    if site.file:
        return site.file.parent
    catalogue = Catalogue.find()
    return catalogue.root / "site-configs" if catalogue.is_checkout else catalogue.own


def load(site: SiteConfig) -> References:
    """A site's references; empty if none were made. Raises ConfigError if the file is invalid."""
    path, packaged = path_of(site), PACKAGED / "site-configs" / "references" / f"{site.name}.json"
    if site.file is None and not path.is_file():
        path = packaged
    try:
        return References.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return References()
    except ValidationError as error:
        raise ConfigError(f"{path} is not valid: {error}; make it again with --make-reference") from error


def save(site: SiteConfig, references: References) -> Path:
    """Save new references; values that were not measured this time stay."""
    path = path_of(site)
    merged = references.model_copy(update={"values": {**load(site).values, **references.values}})
    _write(path, merged.model_dump_json(indent=2))
    return path


def spikes_path(annotations: Mapping[str, str]) -> Path | None:
    """The file with an image's reference spikes in this checkout; None for an image that the checkout does not define."""
    title = annotations.get("org.opencontainers.image.title", "")
    folder = Catalogue.find().root / "recipes" / title
    return folder / "spikes.json" if title and (folder / "image.yaml").is_file() else None


def load_spikes(annotations: Mapping[str, str]) -> str | None:
    """The SHA-256 (hex) of the reference spikes of the image's environment; None if there is none."""
    path = spikes_path(annotations)
    if path is None or not path.is_file():
        return None
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        found = known.get(annotations.get("org.opencontainers.image.version", ""))
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is not valid ({error}); make it again with --make-reference") from error
    return str(found) if found else None


def save_spikes(annotations: Mapping[str, str], sha256: str) -> Path | None:
    """Save the hash for the image's environment."""
    path = spikes_path(annotations)
    environment = annotations.get("org.opencontainers.image.version")
    if path is None or environment is None or not Catalogue.find().is_checkout:
        return None
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    _write(path, json.dumps({**known, environment: sha256}, indent=2, sort_keys=True))
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}") from error
