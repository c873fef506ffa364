"""Recorded validations as judgements see them (recording.py), and changes of them."""

from dataclasses import dataclass, replace
from functools import cache

import pytest
from tests.esd_deploy.validation import recording

from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.validation.terms.observations import Observations, Output

DIGEST = "sha256:" + "d" * 64
LABELS = {"eu.ebrains.esd.target": "x86_64_v3", "eu.ebrains.esd.nest": "3.10.0"}


def published(name: str) -> PublishedImage:
    """The image that the recorded nodes read, whatever it is."""
    nodes = recording.files(name).get("esd/steps/node/stdout", b"").decode()
    digest = next((line.split("\t")[2] for line in nodes.splitlines() if "\timage_sha256\t" in line), "0" * 64)
    return PublishedImage(ImageReference("registry.example.org", "esd/nest", "edge", DIGEST), f"sha256:{digest}", 1000, LABELS)


@cache
def recorded(name: str, *, nodes: int = 2) -> Observations:
    """What was recorded of one validation."""
    return Observations(recording.site(name), published(name), nodes, recording.outputs(name, nodes), tag_now=DIGEST)


@dataclass(frozen=True)
class Changed:
    """A recorded validation, with one output as it might have been."""

    observed: Observations

    def output(self, step: str, **values: object) -> Observations:
        found = self.observed.require(step)
        new = replace(found, **values)  # type: ignore[arg-type]
        return replace(self.observed, outputs=tuple(new if one.step == step else one for one in self.observed.outputs))

    def without(self, *steps: str) -> Observations:
        return replace(self.observed, outputs=tuple(one for one in self.observed.outputs if one.step not in steps))


@pytest.fixture
def good() -> Observations:
    return recorded("base")


@pytest.fixture
def change(good) -> Changed:
    return Changed(good)


def output(step: str, stdout: str = "", stderr: str = "", code: int | None = 0, seconds: float = 1.0, limit_s: int = 45) -> Output:
    return Output(step, limit_s, code, seconds, stdout, stderr)
