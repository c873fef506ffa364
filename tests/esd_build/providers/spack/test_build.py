import os
from pathlib import Path
from typing import Any

import pytest

from esd_build.building.cache import Cache
from esd_build.building.stage import BuildPlan
from esd_build.data.errors import ToolError
from esd_build.data.project import Project
from esd_build.providers.plan import make_plan
from esd_build.providers.spack import build
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.sources.mirror import Missing, Source
from esd_build.providers.spack.workshop.session import Workshop
from esd_build.tools.process import Account


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", Account("me", os.geteuid(), os.getegid(), tmp_path))


@pytest.fixture
def workshop(release: Project, cache: Cache) -> Workshop:
    apptainer: Any = None
    return Workshop(release, release.environment("25.04"), cache, apptainer, lambda _line: None)


@pytest.fixture
def plan(release: Project) -> BuildPlan:
    environment = release.environment("25.04")
    return make_plan(release, release.recipe("nest"), environment, "x86_64", lambda _image, _key: {})


def test_a_build_folder_has_lock_configuration_and_recipes(workshop: Workshop, plan: BuildPlan, tmp_path: Path) -> None:
    (workshop.project.root / "spack-envs/common/requirements.txt").write_text("clingo==5.8.0\n")
    build.fill(workshop, plan, tmp_path / "folder")
    found = {str(path.relative_to(tmp_path / "folder")) for path in (tmp_path / "folder").rglob("*") if path.is_file()}
    assert found == {
        "environment/common/packages.yaml",
        "environment/common/tools.yaml",
        "environment/group/spack.lock",
        "environment/group/spack.yaml",
        "environment/scope/bootstrap.yaml",
        "environment/scope/config.yaml",
        "environment/scope/mirrors.yaml",
        "environment/scope/repos.yaml",
        "environment/spack_repo/esd/packages/nest/package.py",
        "environment/spack_repo/esd/packages/py_pynn/package.py",
        "environment/spack_repo/esd/packages/py_unused/package.py",
        "externals.txt",
    }


def test_the_definition_starts_from_base_and_builder(plan: BuildPlan, cache: Cache) -> None:
    found = build.images(plan, cache)
    assert {name: path.name.rsplit("-", 1)[0] for name, path in found.items()} == {"base.sif": "base", "builder.sif": "spack-builder"}


def test_the_build_stage_sees_what_was_built_before(cache: Cache) -> None:
    root = cache.root
    assert build.binds(cache) == f"{root}/compiled:/mnt,{root}/spack/kept:/srv,{root}/spack/trees:/media"


class FakeSpack:
    """A working copy without a Spack in it."""

    def __init__(self, work: Path) -> None:
        self.environments = work

    def __enter__(self) -> "FakeSpack":
        return self

    def __exit__(self, *_error: object) -> None: ...

    @property
    def apptainer(self) -> Any:
        return self

    account = Account("me", os.geteuid(), os.getegid(), Path("/"))


def fetch(monkeypatch: pytest.MonkeyPatch, workshop: Workshop, plan: BuildPlan, work: Path, missing: tuple[Missing, ...]) -> Path:
    wanted = (Source("nest", "3.8", "h", "ab/nest", "https://host/nest", "1" * 64, ""),)
    monkeypatch.setattr(Workshop, "spack", lambda _self, _builder: FakeSpack(work))
    monkeypatch.setattr(sources, "listed", lambda _spack, _environment: wanted)
    monkeypatch.setattr(sources, "fill", lambda _spack, _needed, _mirror, _say: missing)
    stage = plan.stage("spack-sources")
    assert stage is not None
    progress: Any = type("Progress", (), {"say": staticmethod(lambda _line: None)})()
    build.fetch_sources(workshop, plan, stage, Path("builder.sif"), progress)
    return workshop.cache.path(stage)


def test_the_sources_of_a_group_are_fetched_once(
    monkeypatch: pytest.MonkeyPatch, workshop: Workshop, plan: BuildPlan, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    listing = fetch(monkeypatch, workshop, plan, tmp_path / "work", ())
    assert listing.read_text() == f"{'1' * 64}  nest@3.8  ab/nest\n"
    assert "view: false" in (tmp_path / "work/group/spack.yaml").read_text()


def test_missing_sources_stop_the_build_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, workshop: Workshop, plan: BuildPlan, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    gone = Missing(Source("nest", "3.8", "h", "p", "u", "s", ""), "cannot be reached")
    with pytest.raises(ToolError, match=r"(?s)1 of 1 sources cannot be fetched:\n  nest@3\.8: cannot be reached"):
        fetch(monkeypatch, workshop, plan, tmp_path / "work", (gone,))
    assert not workshop.cache.path(plan.stage("spack-sources")).exists()  # type: ignore[arg-type]
