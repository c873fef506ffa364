"""Recorded validations in tests/data/validation: `base` is a good one, all of it; each other folder is what a fault made of it.

A fault's folder holds the steps that came out otherwise (each whole), `site.yaml` and `stderr` where they differ, and in `absent` the names
of the steps that did not run, one a line. A file that is not there was empty.
"""

import tempfile
from functools import cache
from pathlib import Path

from esd_build.data import documents
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.suite import all_steps
from esd_deploy.validation.terms import observations
from esd_deploy.validation.terms.observations import Output

DATA = Path(__file__).parents[2] / "data" / "validation"


def faults() -> frozenset[str]:
    """The names of all recordings but the good one."""
    return frozenset(path.name for path in DATA.iterdir()) - {"base"}


@cache
def files(name: str) -> dict[str, bytes]:
    """What the steps of one recording left, as a site would list it: path → content."""
    replaced = {path.split("/")[2] for path in own(name)} | set(_text(DATA / name / "absent").split())
    return {**{path: content for path, content in own("base").items() if path.split("/")[2] not in replaced}, **own(name)}


def own(name: str) -> dict[str, bytes]:
    """What lies in the folder of one recording: the steps that came out otherwise than in the good one."""
    folder = DATA / name
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("esd/steps/*/*")}


def site(name: str) -> SiteConfig:
    """The site's file of one recording."""
    own = DATA / name / "site.yaml"
    return documents.load(own if own.is_file() else DATA / "base" / "site.yaml", SiteConfig, name=name)


def stderr(name: str) -> str:
    """What the job itself said."""
    return _text(DATA / name / "stderr")


def outputs(name: str, nodes: int) -> tuple[Output, ...]:
    """The outputs of one recording, read as those of a validation are."""
    with tempfile.TemporaryDirectory() as place:
        for path, content in files(name).items():
            target = Path(place) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return observations.read(Path(place), all_steps(site(name), nodes))


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
