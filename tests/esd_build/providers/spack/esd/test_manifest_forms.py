"""Forms in which real manifests name versions: each is read rightly, or said not to be understood."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esd_build.commands.environments import esd
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Project
from esd_build.providers.spack.esd.adoption import unknown_to_recipes
from esd_build.providers.spack.esd.manifest import Manifest
from esd_build.providers.spack.esd.specs import Mention, mentions


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("nest@3.8 +python", [Mention("nest", "3.8")]),
        ("py-nestml@:8.0", [Mention("py-nestml", ":8.0")]),
        ("ebrains-spack-builds.py-spynnaker@7.3.0", [Mention("py-spynnaker", "7.3.0")]),
        ("py-mpi4py@git.abcdef=4.0.3", [Mention("py-mpi4py", "4.0.3", "git.abcdef")]),
        ("nest@git.main", [Mention("nest", "", "git.main")]),
        (
            "nest@=3.8+mpi ^openmpi@5.0.6 fabrics=ucx %gcc@13.3.0",
            [Mention("nest", "3.8"), Mention("openmpi", "5.0.6"), Mention("gcc", "13.3.0")],
        ),
        ("hdf5 ^[virtuals=mpi] openmpi@5 cflags='-O3 ^no@1'", [Mention("openmpi", "5")]),
        ("%gcc@13.3.0", [Mention("gcc", "13.3.0")]),
        ("@3.11", [Mention("", "3.11")]),
        ("py_neo", []),
    ],
)
def test_a_spec(spec: str, found: list[Mention]) -> None:
    assert list(mentions(spec)) == found


def _checkout(folder: Path, text: str, **others: str) -> Path:
    (folder / "spack.yaml").write_text(text)
    for name, content in others.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.mark.parametrize(
    ("text", "package", "told"),
    [
        pytest.param("specs: [{matrix: [[py-elephant, py-neo], ['@1.1.1']]}]", "py-neo", ("1.1.1", "", "primary"), id="matrix"),
        pytest.param(
            "definitions: [{versions: ['@3.8']}]\n  specs: [{matrix: [[nest], [$versions]]}]",
            "nest",
            ("3.8", "", "primary"),
            id="list in a matrix",
        ),
        pytest.param("packages: {all: {require: '%gcc@13.3.0'}}", "gcc", ("13.3.0", "", "primary"), id="compiler of all"),
        pytest.param(
            "packages: {all: {compiler: [gcc@13.3.0]}}", "gcc", ("13.3.0", "which is a preference (13.3.0)", "secondary"), id="compiler"
        ),
        pytest.param(
            "packages: {ucx: {externals: [{spec: ucx@1.17.0, prefix: /usr}], buildable: false}}",
            "ucx",
            ("1.17.0", "", "primary"),
            id="external",
        ),
        pytest.param(
            "packages: {ucx: {externals: [{spec: ucx@1.17.0, prefix: /usr}]}}",
            "ucx",
            ("1.17.0", "which is one of several", "inferred"),
            id="external that need not be taken",
        ),
        pytest.param(
            "packages: {python: {version: ['3.11.9', '3.8']}}",
            "python",
            ("3.11.9", "which is a preference (3.11.9, 3.8)", "secondary"),
            id="preferences",
        ),
        pytest.param(
            "packages: {python: {prefer: ['@3.11.9']}}", "python", ("3.11.9", "which is a preference (3.11.9)", "secondary"), id="prefer"
        ),
        pytest.param(
            "packages: {openmpi: {require: [{one_of: ['@4.1.6', '@5.0.5']}]}}",
            "openmpi",
            ("4.1.6, 5.0.5", "which is one of several", "inferred"),
            id="one of",
        ),
        pytest.param(
            "packages: {openmpi: {require: [{spec: '@5.0.5', when: '%gcc'}]}}",
            "openmpi",
            ("5.0.5", "under a condition", "inferred"),
            id="condition",
        ),
        pytest.param("specs: ['py-nestml@:8.0']", "py-nestml", (":8.0", "which is a range", "inferred"), id="range"),
        pytest.param("specs: [nest@git.main]", "nest", ("git.main", "which names no version", "inferred"), id="git reference"),
    ],
)
def test_a_form(tmp_path: Path, text: str, package: str, told: tuple[str, str, str]) -> None:
    found = Manifest.read(_checkout(tmp_path, f"spack:\n  {text}\n")).versions[package]
    assert (found.version, found.doubt, found.certainty) == told


def test_a_git_reference_is_part_of_the_evidence(tmp_path: Path) -> None:
    found = Manifest.read(_checkout(tmp_path, "spack: {specs: ['py-mpi4py@git.abcdef=4.0.3']}")).versions["py-mpi4py"]
    assert (found.version, found.detail, found.is_exact) == ("4.0.3", "git.abcdef", True)


def test_what_contradicts_itself_is_no_evidence(tmp_path: Path) -> None:
    checkout = _checkout(
        tmp_path,
        "spack: {specs: [openmpi@5.0.6]}",
        **{"site-config__jusuf__deep__packages_yaml": "packages: {openmpi: {require: '@5.0.5'}}"},
    )
    found = Manifest.read(checkout, "jusuf").versions["openmpi"]
    assert not found.is_exact
    assert found.version == "5.0.6 in spack.yaml, 5.0.5 in site-config/jusuf/deep/packages.yaml"


def test_includes_are_followed_inside_the_checkout_only(tmp_path: Path) -> None:
    (tmp_path / "out.yaml").write_text("packages: {nest: {require: '@1'}}")
    inside = tmp_path / "checkout"
    inside.mkdir()
    _checkout(
        inside, "spack: {include: [more.yaml, ../out.yaml, 'https://example.org/x.yaml', {path: more.yaml, when: x}], specs: []}",
        more_yaml="packages: {nest: {require: '@3.8'}}",
    )  # fmt: skip
    manifest = Manifest.read(inside)
    assert manifest.versions["nest"].version == "3.8"
    assert [line.split(": ", 2)[2] for line in manifest.unread] == [
        "../out.yaml was not followed", "https://example.org/x.yaml was not followed", "more.yaml was not followed"
    ]  # fmt: skip


def test_a_list_that_names_itself_and_one_that_is_not_there(tmp_path: Path) -> None:
    manifest = Manifest.read(_checkout(tmp_path, "spack:\n  definitions: [{a: [nest@3.8, $a]}]\n  specs: [$a, $b, {odd: 1}]\n"))
    assert manifest.versions["nest"].version == "3.8"
    assert len(manifest.unread) == 4


def _lock(path: Path, version: int, *entries: dict[str, object]) -> Path:
    content = {"_meta": {"lockfile-version": version}, "roots": [], "concrete_specs": {str(n): entry for n, entry in enumerate(entries)}}
    path.write_text(json.dumps(content))
    return path


def test_a_lock_of_an_older_spack_has_compiler_and_all_versions(tmp_path: Path) -> None:
    compiler = {"name": "gcc", "version": "13.3.0"}
    entries = [{"name": "nest", "version": "3.8", "compiler": compiler}, {"name": "python", "version": "3.11.10", "compiler": compiler}]
    found = Manifest.of_lock(_lock(tmp_path / "spack.lock", 5, *entries)).versions
    assert {name: (said.version, said.certainty) for name, said in found.items()} == {
        "nest": ("3.8", "primary"), "python": ("3.11.10", "primary"), "gcc": ("13.3.0", "primary"),
    }  # fmt: skip


def test_two_versions_in_a_lock_are_told(tmp_path: Path) -> None:
    found = Manifest.of_lock(_lock(tmp_path / "spack.lock", 5, *({"name": "cmake", "version": v} for v in ("3.1", "3.2")))).versions[
        "cmake"
    ]
    assert (found.version, found.is_exact) == ("3.1 and 3.2", False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"_meta": {"lockfile-version": 99}, "concrete_specs": {}}', '{"_meta": 1}'])
def test_a_file_that_is_no_lock(tmp_path: Path, text: str) -> None:
    (tmp_path / "spack.lock").write_text(text)
    with pytest.raises(ConfigError, match=r"spack\.lock: (not a lock file of Spack|lockfile version 99)"):
        Manifest.of_lock(tmp_path / "spack.lock")


def test_import_of_a_lock_names_its_digest(release: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(release.root)
    lock = _lock(tmp_path / "spack.lock", 5, {"name": "py-pynn", "version": "0.12.4"})
    done = CliRunner().invoke(esd.app, ["import", "--release", "25.04", "--lock", str(lock)])
    assert done.exit_code == 0, done.output
    pin = release.environment("25.04").pins["PyNN"]
    assert (pin.version, pin.certainty) == ("0.12.4", "primary")
    assert pin.evidence.startswith("manifest: spack.lock of the release (sha256 ")


@pytest.mark.parametrize("arguments", [[], ["PATH", "--lock", "x"], ["--lock", "x", "--system", "jusuf"]])
def test_one_source_is_named(release: Project, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(release.root)
    done = CliRunner().invoke(esd.app, ["diff", "25.04", *arguments])
    assert isinstance(done.exception, UsageError)


def test_a_version_that_the_checkouts_own_recipe_lacks(release: Project, tmp_path: Path) -> None:
    recipe = tmp_path / "packages" / "py-pynn" / "package.py"
    recipe.parent.mkdir(parents=True)
    recipe.write_text('class PyPynn(Package):\n    version("0.11.0", sha256="x")\n    version("0.10.1")\n')
    assert list(unknown_to_recipes(release.environment("25.04"), tmp_path)) == [
        "PyNN: packages/py-pynn/package.py has no version 0.12.3 (it has 0.11.0, 0.10.1)"
    ]
