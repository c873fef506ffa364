"""NESTML is told NEST's version where it does not recognize it itself."""

import subprocess

import pytest

from esd_build.models.inside import generate


@pytest.mark.parametrize(
    ("nestml", "nest", "options"),
    [
        ("7.0.2", "3.8.0", {"nest_version": "master"}),
        ("7.0.2", "3.10.0-post0.dev0", {"nest_version": "master"}),
        ("7.0.2", "3.4", {}),
        ("8.0.0", "3.8.0", {}),
        ("5.2.0", "3.4", {}),
    ],
)
def test_only_nestml_7_on_a_newer_nest_is_told(monkeypatch: pytest.MonkeyPatch, nestml: str, nest: str, options: dict[str, str]) -> None:
    monkeypatch.setattr(generate, "version", lambda _name: nestml)
    monkeypatch.setattr(subprocess, "run", lambda command, **_options: subprocess.CompletedProcess(command, 0, f"{nest}\n", ""))
    assert generate._nest_version() == options
