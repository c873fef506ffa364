"""All checks of a run that need neither site nor registry: a site that is down must not hide a mistake."""

import os
from pathlib import Path

from esd_build import signing
from esd_build.data.errors import UsageError
from esd_build.models.model import ModelSource
from esd_deploy.plans.request import CheckedRequest, Request
from esd_deploy.sites.config import SiteConfig


def checked(
    request: Request, config: SiteConfig, *, runs: Path | None = None, signed: bool = False, model: Path | None = None
) -> CheckedRequest:
    """The request, checked against this site.

    Raises UsageError for the first mistake: files, options against the site's limits, names, keys, the folder of runs.
    """
    if signed:
        require_signable(contained=request.image is not None)
    found = request.checked(config)
    if model is not None:
        require_target(config, model)
        ModelSource(model).require_models()
    if runs is not None:
        require_folder(runs)
    return found


def require_target(config: SiteConfig, model: Path) -> None:
    """Raises UsageError for a neuromorphic machine for which NESTML writes no code."""
    if config.nmpi and config.nmpi.platform != "SpiNNaker":
        raise UsageError(
            f"--model {model}: a model is compiled for NEST in an image or for SpiNNaker, and site '{config.name}' is the queue's platform "
            f"{config.nmpi.platform}; leave it out"
        )


def require_signable(*, contained: bool) -> None:
    """Raises UsageError if a signature is required, but there is no image or no trusted key."""
    if not contained:
        raise UsageError("--require-signature: without --image there is nothing to verify")
    signing.trusted_keys()


def require_folder(runs: Path) -> None:
    """Raises UsageError if the folder of runs is not writable; creates nothing."""
    there = next(folder for folder in (runs.absolute(), *runs.absolute().parents) if _is_seen(folder))
    if not there.is_dir():
        raise UsageError(f"--output {runs}: {there} is a file; runs need a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"--output {runs}: you cannot write to {there}; choose another folder")


def _is_seen(path: Path) -> bool:
    """Whether it exists; False behind a folder that you may not enter, where Python 3.11 raises."""
    try:
        return path.exists()
    except PermissionError:
        return False
