"""Runs functions of the installers in a shell of their own, with stand-ins for the machine's programs."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs bash with files of ci/ sourced; `programs` (name → shell text) come before the machine's own, `variables` are set."""

    def run(
        text: str, *, source: tuple[str, ...] = (), programs: Mapping[str, str] | None = None, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, body in (programs or {}).items():
            (folder / name).write_text(f"#!/bin/bash\n{body}\n")
            (folder / name).chmod(0o755)
        script = "set -euo pipefail\n" + "".join(f". {ROOT / 'ci' / name}\n" for name in source) + text
        environment = {**os.environ, "PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin", **variables}
        return subprocess.run(
            ("bash", "-c", script, "installer"), env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )

    return run
