import errno
import json
from pathlib import Path

import pytest

from esd_build import cli
from esd_build.data.project import Project


@pytest.fixture(autouse=True)
def checkout(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("ESD_IMAGES_CACHE", str(project.root / "cache"))
    return project.root


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["esd-build", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_list_and_plan_for_machines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "list", "--json") == 0
    assert [(entry["image"], entry["environment"]) for entry in json.loads(capsys.readouterr().out)] == [("base", "edge"), ("nest", "edge")]
    assert call(monkeypatch, "plan", "nest", "--json") == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert [(stage["name"], stage["cached"]) for stage in stages][-1] == ("nest", False)


def test_plan_for_people_has_a_hash_for_each_stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "plan", "nest") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "base", "wheels", "sources", "nest/build", "nest", "form:", "time:",
    ]  # fmt: skip
    assert lines[0].endswith("never built here")
    assert lines[-1].startswith("time: about 7 min on two free cores")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("plan", "nst"), 3, "unknown image 'nst'; did you mean 'nest'?"),
        (("plan", "nest", "--env", "edeg"), 3, "unknown environment 'edeg'; did you mean 'edge'?"),
        (("image", "nest", "--provider", "spack"), 3, "installed by provider 'debian', not by 'spack'"),
        (("imag", "nest"), 3, "Did you mean 'image'?"),
        (("plan", "nest", "--nope"), 3, "No such option: --nope"),
        (("test", "nest"), 3, "dist/images/nest-edge.sif is not built yet: `make image IMAGE=nest ENV=edge`"),
        (("push", "nest", "--registry", "host.eu/esd"), 3, "is not built yet"),
        (("sbom", "nest"), 3, "dist/images/nest-edge.sif is not built yet"),
        (("plan", "nest", "--target", "x86_64_v9"), 3, "unknown target 'x86_64_v9'; did you mean 'x86_64"),
    ],
)
def test_errors_are_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert call(monkeypatch, *arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_wrong_data_file_names_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkout: Path) -> None:
    (checkout / "recipes/nest/image.yaml").write_text("descripton: NEST\nproviders: [debain]\ninputs: []\n")
    assert call(monkeypatch, "plan", "nest") == 2
    error = capsys.readouterr().err
    assert "recipes/nest/image.yaml is not valid" in error
    assert "descripton: unknown key; did you mean 'description'?" in error
    assert "providers.0: Input should be 'debian' or 'spack'" in error


def test_a_full_disk_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def find(_folder: Path) -> Project:
        raise OSError(errno.ENOSPC, "No space left on device", "/full")

    monkeypatch.setattr(Project, "find", find)
    assert call(monkeypatch, "list") == 4
    assert capsys.readouterr().err == "esd-build: the disk is full (/full): make room, then start again\n"


def test_without_apptainer_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call(monkeypatch, "image", "nest") == 4
    assert "apptainer is not installed; on Debian, install it with `make setup`" in capsys.readouterr().err
