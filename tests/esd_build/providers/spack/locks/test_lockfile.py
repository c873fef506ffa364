import copy
import json
from pathlib import Path

import pytest
from tests.esd_build.providers.spack.conftest import ARBOR, LOCK, NEST, PYNN, PYTHON, WHEEL

from esd_build.data.errors import ConfigError
from esd_build.providers.spack.locks.lockfile import Lock, difference


def read(tmp_path: Path, content: object) -> Lock:
    path = tmp_path / "spack.lock"
    path.write_text(json.dumps(content))
    return Lock.read(path)


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    return read(tmp_path, LOCK)


def test_a_group_is_its_specs_and_all_that_they_need(lock: Lock, tmp_path: Path) -> None:
    group = lock.group(("nest", "py-pynn"))
    assert group.roots == {"nest": NEST, "py-pynn": PYNN}
    assert set(group.packages) == {NEST, PYNN, PYTHON, WHEEL}
    again = read(tmp_path, json.loads(group.text))
    assert (again.roots, again.packages) == (group.roots, group.packages)


def test_a_group_is_the_same_text_whatever_else_is_in_the_lock(lock: Lock, tmp_path: Path) -> None:
    other = copy.deepcopy(LOCK)
    other["concrete_specs"][ARBOR]["version"] = "0.10.0"  # type: ignore[index]
    assert read(tmp_path, other).group(("nest",)).text == lock.group(("nest",)).text


def test_at_run_time_nothing_is_needed_that_only_builds(lock: Lock) -> None:
    assert [package.name for package in lock.runtime] == ["arbor", "nest", "py-pynn", "python"]


def test_a_spec_that_the_lock_lacks_is_named(lock: Lock) -> None:
    with pytest.raises(ConfigError, match=r"does not have neuron.*make spack-lock"):
        lock.group(("nest", "neuron"))


def test_equal_locks_do_not_differ(lock: Lock) -> None:
    assert difference(lock, lock) == ()


def test_differences_say_what_changed_and_why(lock: Lock, tmp_path: Path) -> None:
    other = copy.deepcopy(LOCK)
    specs: dict[str, dict[str, object]] = other["concrete_specs"]  # type: ignore[assignment]
    new = "z" * 32
    specs[new] = {**specs.pop(ARBOR), "version": "0.10.0"}
    other["roots"][2]["hash"] = new  # type: ignore[index]
    assert [str(change) for change in difference(lock, read(tmp_path, other))] == ["arbor: 0.9.0 /aaaaaaa → 0.10.0 /zzzzzzz (version)"]
    specs[new] = {**specs[new], "version": "0.9.0", "package_hash": "new"}
    assert [change.what for change in difference(lock, read(tmp_path, other))] == ["recipe"]
    specs[new]["package_hash"] = "arbor-recipe"
    assert [change.what for change in difference(lock, read(tmp_path, other))] == ["a dependency"]


def test_a_spec_that_means_another_package_of_the_same_lock(lock: Lock, tmp_path: Path) -> None:
    other = copy.deepcopy(LOCK)
    other["roots"][2]["hash"] = other["roots"][0]["hash"]  # type: ignore[index]
    (change,) = difference(lock, read(tmp_path, other))
    assert change.what == "another package for the same spec"


def test_packages_that_come_and_go(lock: Lock, tmp_path: Path) -> None:
    less = lock.group(("nest",))
    names = ("arbor", "py-pynn")
    gone = [*(f"{name}: asked for → gone" for name in names), "arbor: 0.9.0 → gone", "py-pynn: 0.12.3 → gone"]
    assert [str(change) for change in difference(lock, less)] == gone
    new = [*(f"{name}: not there → asked for" for name in names), "arbor: not there → 0.9.0", "py-pynn: not there → 0.12.3"]
    assert [str(change) for change in difference(less, lock)] == new


def test_a_package_that_was_needed_and_is_now_asked_for(lock: Lock, tmp_path: Path) -> None:
    other = copy.deepcopy(LOCK)
    other["roots"] = [*reversed(other["roots"]), {"hash": PYTHON, "spec": "python"}]  # type: ignore[call-overload]
    assert [str(change) for change in difference(lock, read(tmp_path, other))] == ["python: not there → asked for"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "not a lock file"),
        ("{", "not a lock file"),
        ({"_meta": {"lockfile-version": 5}, "roots": [], "concrete_specs": {}}, "lockfile version 5; this program reads version 6"),
        ({**LOCK, "concrete_specs": {}}, "not whole"),
    ],
)
def test_files_that_are_no_lock(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "spack.lock"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        Lock.read(path)


def test_a_lock_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; `make spack-lock ENV="):
        Lock.read(tmp_path / "spack.lock")


def test_an_external_is_known_by_its_prefix(tmp_path: Path) -> None:
    other = copy.deepcopy(LOCK)
    other["concrete_specs"][PYTHON]["external"] = {"path": "/usr", "module": None}  # type: ignore[index]
    externals = [package.name for package in read(tmp_path, other).packages.values() if package.is_external]
    assert externals == ["python"]
