import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esd_build.data.errors import ConfigError, ToolError
from esd_build.data.project import Project
from esd_build.providers.spack.concretize import concretize, explained, write
from esd_build.providers.spack.locks import check
from esd_build.providers.spack.locks.environment import SpackEnvironment
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.tools.process import Finished

# As Spack 1.1 says it.
NO_SUCH_VERSION = "==> Error: Version requirement 3.9 on nest for nest cannot match any known version from package.py or externals"
UNSATISFIABLE = (
    "==> Warning: something else",
    "==> Error: failed to concretize `py-pynn`, `nest`, ..., `arbor` for the following reasons:",
    "     1. Cannot satisfy 'py-neo@0.14:' 1(0.13.4)",
    "     2. cannot satisfy a requirement for package 'py-pynn'.",
    "        required because py-pynn depends on py-neo@0.14: when @0.13: ",
)


class FakeSpack:
    """Leaves a lock, or an error, where Spack would."""

    def __init__(self, environments: Path, make: Callable[[Path], Finished]) -> None:
        self.environments = environments
        self._make = make

    def __call__(self, *arguments: str, environment: str, **_options: object) -> Finished:
        assert arguments == ("concretize", "--force")
        return self._make(self.environments / environment)


def run(release: Project, tmp_path: Path, make: Callable[[Path], Finished], **options: Any) -> Any:
    copy = tmp_path / "copy"
    for name in ("25.04", "common"):
        (copy / name).mkdir(parents=True)
        for path in (release.root / "spack-envs" / name).iterdir():
            (copy / name / path.name).write_text(path.read_text())
    spack: Any = FakeSpack(copy, make)
    return concretize(spack, SpackEnvironment.find(release, "25.04"), **options)


def solved(old: str = "", new: str = "") -> Callable[[Path], Finished]:
    def make(folder: Path) -> Finished:
        assert not (folder / "spack.lock").exists()
        text = (folder.parents[1] / "spack-envs" / "25.04" / "spack.lock").read_text()
        (folder / "spack.lock").write_text(text.replace(old, new) if old else text)
        return Finished(0, ())

    return make


def test_the_same_lock_again(release: Project, tmp_path: Path) -> None:
    assert run(release, tmp_path, solved()).changes == ()


def test_another_lock_shows_its_differences(release: Project, tmp_path: Path) -> None:
    found = run(release, tmp_path, solved("a" * 32, "c" * 32))
    assert [str(change) for change in found.changes] == ["arbor: 0.9.0 /aaaaaaa → 0.9.0 /ccccccc (a dependency)"]


def test_what_is_written_belongs_together(release: Project, tmp_path: Path) -> None:
    environment = SpackEnvironment.find(release, "25.04")
    (environment.folder / "concretized.yaml").unlink()
    (environment.folder / "pins.yaml").unlink()
    (tmp_path / "spack-envs/25.04/pins.yaml").write_text("")
    found = run(release, tmp_path, solved())
    write(environment, found.lock)
    assert check.problems(environment) == ()


def test_a_lock_that_says_the_same_in_another_order_is_not_written_again(release: Project, tmp_path: Path) -> None:
    environment = SpackEnvironment.find(release, "25.04")
    path = environment.folder / "spack.lock"
    before = path.read_text()
    turned = json.loads(before)
    turned["roots"].reverse()
    (tmp_path / "spack.lock").write_text(json.dumps(turned))
    write(environment, Lock.read(tmp_path / "spack.lock"))
    assert path.read_text() == before


def test_another_target_by_one_word(release: Project, tmp_path: Path) -> None:
    def make(folder: Path) -> Finished:
        assert "target=x86_64_v4" in (folder.parent / "common/packages.yaml").read_text()
        return solved()(folder)

    run(release, tmp_path, make, target="x86_64_v4")
    (release.root / "spack-envs/common/packages.yaml").write_text("packages: {}\n")
    with pytest.raises(ConfigError, match="does not require target=x86_64_v3"):
        run(release, tmp_path / "again", make, target="x86_64_v4")


def test_a_pin_that_no_longer_concretizes_is_named_in_the_words_of_the_release(release: Project, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(release, tmp_path, lambda _folder: Finished(1, (NO_SUCH_VERSION,)))
    assert str(caught.value) == (
        "environment '25.04' cannot be concretized. Pins that take part:\n"
        "  NEST is pinned to 3.8 (nest; seen)\n"
        "Spack says:\n"
        "  Version requirement 3.9 on nest for nest cannot match any known version from package.py or externals\n"
        "→ change a pin in spack-envs/25.04/release.yaml"
    )


def test_pins_that_cannot_be_had_together(release: Project) -> None:
    text = explained(Finished(1, UNSATISFIABLE), release.environment("25.04"), "25.04")
    assert "  PyNN is pinned to 0.12.3 (py-pynn; seen)\n" in text
    assert "NEST is pinned" not in text  # it was asked for, and is not why
    assert "Python" not in text
    assert "1. Cannot satisfy 'py-neo@0.14:' 1(0.13.4)" in text
    assert "Warning" not in text


@pytest.mark.parametrize("said", [("==> Error: [Errno 13] Permission denied: '/opt/esd/store'",), ("Killed",), ()])
def test_what_is_not_about_pins_is_not_blamed_on_them(release: Project, said: tuple[str, ...]) -> None:
    with pytest.raises(ToolError, match=r"Spack could not concretize 25\.04"):
        explained(Finished(1, said), release.environment("25.04"), "25.04")
