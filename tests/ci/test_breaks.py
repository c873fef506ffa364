"""The breaks of the fresh machine must break something: each changes the installer as it is written now."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = (ROOT / "ci" / "fresh" / "steps.sh").read_text()


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["directory", "package", "mode"])
def test_each_break_changes_the_installer(kind: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ci", tmp_path / "ci")
    command = re.search(rf"^    {kind}\) (sed .*) ;;$", STEPS, re.MULTILINE)
    assert command is not None
    subprocess.run(("bash", "-c", command[1]), cwd=tmp_path, check=True)
    same = subprocess.run(("diff", "-rq", ROOT / "ci", tmp_path / "ci"), capture_output=True, text=True, check=False).stdout
    assert len(same.splitlines()) == 1, same
