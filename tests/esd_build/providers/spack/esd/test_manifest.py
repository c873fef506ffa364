import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esd_build.commands.environments import esd
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Project
from esd_build.providers.spack.esd.adoption import differences, rewritten
from esd_build.providers.spack.esd.manifest import Manifest

CHECKOUT = Path(__file__).parents[4] / "data" / "ebrains-spack-builds"


def test_specs_of_the_environment() -> None:
    found = Manifest.read(CHECKOUT).versions
    assert {name: said.version for name, said in found.items()} == {
        "nest": "3.8",
        "py-pynn": "0.12.4",
        "py-nestml": "8.0:",
        "py-spynnaker": "7.3.0",
    }
    assert [name for name, said in found.items() if not said.is_exact] == ["py-nestml"]


@pytest.mark.parametrize(("system", "openmpi"), [("ebrainslab", "5.0.6"), ("jusuf", "5.0.5")])
def test_what_a_system_requires_counts_too(system: str, openmpi: str) -> None:
    found = Manifest.read(CHECKOUT, system).versions["openmpi"]
    assert (found.version, found.where) == (openmpi, f"site-config/{system}/packages.yaml")


def test_differences_in_words(release: Project) -> None:
    found = differences(release.environment("25.04"), Manifest.read(CHECKOUT))
    assert [str(difference) for difference in found] == [
        "PyNN: 0.12.3 here, 0.12.4 in the manifest (spack.yaml)",
        "Python: 3.11 here; the manifest does not say",
    ]
    assert [difference.is_certain for difference in found] == [True, False]


def test_a_series_and_its_version_agree(release: Project) -> None:
    found = differences(release.environment("25.04"), Manifest.read(CHECKOUT, "ebrainslab"))
    assert [difference.name for difference in found] == ["PyNN"]


def test_only_what_is_exact_is_taken_over_and_comments_stay(release: Project) -> None:
    text = rewritten(release.environment("25.04"), Manifest.read(CHECKOUT, "ebrainslab"), "ebrains-spack-builds at abc123")
    (release.root / "spack-envs/25.04/release.yaml").write_text(text)
    pins = release.environment("25.04").pins
    assert (pins["PyNN"].version, pins["PyNN"].certainty) == ("0.12.4", "primary")
    assert pins["PyNN"].evidence == "manifest: spack.yaml of ebrains-spack-builds at abc123"
    assert (pins["Python"].version, pins["Python"].certainty) == ("3.11.7", "secondary")  # `version:` prefers, and does not bind
    assert pins["GCC"].certainty is None
    assert text.startswith("# a comment that stays\n")
    assert "# and this one" in text


def test_import_writes_the_pins_that_spack_reads(release: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(release.root)
    monkeypatch.setattr(esd, "commit_of", lambda _path: "abc123")
    monkeypatch.setattr(esd, "branch_of", lambda _path: "ebrains-25-02")
    done = CliRunner().invoke(esd.app, ["import", str(CHECKOUT), "--release", "25.04"])
    assert "2 of 4 pins are the manifest's; now: make spack-lock ENV=25.04" in done.output
    assert "is at 'ebrains-25-02', which does not name release 25.04" in done.output
    assert '  py-pynn:\n    require: ["@0.12.4"]\n' in (release.root / "spack-envs/25.04/pins.yaml").read_text()
    again = CliRunner().invoke(esd.app, ["diff", "25.04", str(CHECKOUT)])
    assert again.exit_code == 0
    assert again.output.splitlines()[-1] == "25.04: 2 of 3 pins as in the manifest, 0 otherwise, 1 unknown"


def test_import_renews_the_pins_of_all_forms_and_names_their_locks(release: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = release.root / "spack-envs/25.04"
    quick = "variants:\n  system-box:\n    pins:\n      Python: {version: '3.11', evidence: of the box, package: python}\n"
    (folder / "release.yaml").write_text((folder / "release.yaml").read_text() + quick)
    (folder / "system-box").mkdir()
    (folder / "system-box/spack.yaml").write_text((folder / "spack.yaml").read_text())
    monkeypatch.chdir(release.root)
    monkeypatch.setattr(esd, "commit_of", lambda _path: "abc123")
    monkeypatch.setattr(esd, "branch_of", lambda _path: "ebrains-25-04")
    done = CliRunner().invoke(esd.app, ["import", str(CHECKOUT), "--release", "25.04", "--system", "ebrainslab"])
    assert "now: make spack-lock ENV=25.04 && make spack-lock ENV=25.04/system-box" in done.output
    pins = (folder / "system-box/pins.yaml").read_text()
    assert '  py-pynn:\n    require: ["@0.12.4"]\n' in pins
    assert '  python:\n    require: ["@3.11"]\n' in pins


def test_a_dry_run_writes_nothing_and_diff_fails_where_they_differ(release: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(release.root)
    before = (release.root / "spack-envs/25.04/release.yaml").read_text()
    done = CliRunner().invoke(esd.app, ["import", str(CHECKOUT), "--release", "25.04", "--dry-run"])
    assert done.output.splitlines()[-1] == "25.04: 1 of 3 pins as in the manifest, 1 otherwise, 1 unknown"
    assert (release.root / "spack-envs/25.04/release.yaml").read_text() == before
    assert CliRunner().invoke(esd.app, ["diff", "25.04", str(CHECKOUT)]).exit_code == 1


def test_folders_that_are_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a checkout of ebrains-spack-builds: it has no spack\.yaml"):
        Manifest.read(tmp_path)
    with pytest.raises(UsageError, match=r"unknown system of site-config/ 'jsuf'; did you mean 'jusuf'\?"):
        Manifest.read(CHECKOUT, "jsuf")
    (tmp_path / "spack.yaml").write_text("spack: [\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        Manifest.read(tmp_path)


@pytest.mark.integration
def test_evidence_names_the_commit_of_the_checkout(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(CHECKOUT, tmp_path / "checkout"))
    with pytest.raises(UsageError, match="not a git checkout, and the evidence needs a commit"):
        esd.commit_of(copy)
    git = ("git", "-C", str(copy), "-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert head.startswith(esd.commit_of(copy))
