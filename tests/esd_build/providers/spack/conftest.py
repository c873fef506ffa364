"""A small release whose environment Spack installs: two groups, a lock of five packages, a record that fits."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from esd_build.commands.environments.access import open_spack
from esd_build.data.errors import EsdError
from esd_build.data.project import Project
from esd_build.providers.spack.workshop.tool import Spack

PYTHON, WHEEL, NEST, PYNN, ARBOR = (f"{letter * 32}" for letter in "pwnya")


def spec(name: str, version: str, *dependencies: tuple[str, list[str]], namespace: str = "builtin") -> dict[str, object]:
    return {
        "name": name,
        "version": version,
        "namespace": namespace,
        "arch": {"platform": "linux", "platform_os": "debian13", "target": "x86_64_v3"},
        "parameters": {},
        "package_hash": f"{name}-recipe",
        "dependencies": [{"name": "?", "hash": key, "parameters": {"deptypes": kinds, "virtuals": []}} for key, kinds in dependencies],
    }


LOCK = {
    "_meta": {"file-type": "spack-lockfile", "lockfile-version": 6, "specfile-version": 5},
    "spack": {"version": "1.1.0", "type": "release"},
    "roots": [{"hash": NEST, "spec": "nest"}, {"hash": PYNN, "spec": "py-pynn"}, {"hash": ARBOR, "spec": "arbor"}],
    "concrete_specs": {
        NEST: spec("nest", "3.8", (PYTHON, ["build", "link", "run"]), (WHEEL, ["build"]), namespace="esd"),
        PYNN: spec("py-pynn", "0.12.3", (PYTHON, ["build", "run"]), (NEST, ["run"]), namespace="esd"),
        ARBOR: spec("arbor", "0.9.0", (PYTHON, ["run"])),
        PYTHON: spec("python", "3.11.14"),
        WHEEL: spec("py-wheel", "0.45.1", (PYTHON, ["build", "run"])),
    },
}
RELEASE = """\
# a comment that stays
description: a release
provider: spack
suite: trixie
python: "3.13"
target: x86_64_v3
pins:
  NEST:
    version: "3.8"   # and this one
    evidence: seen
    certainty: M
    package: nest
  PyNN: {version: 0.12.3, evidence: seen, certainty: M, package: py-pynn}
  Python: {version: "3.11", evidence: seen, certainty: L, package: python}
  GCC: {version: "13", evidence: of the base image}
"""
TOOL = "  version: v{0}\n  commit: {1}\n  repository: https://example.org/{0}\n"
FILES = {
    "recipes/base/image.yaml": "description: the base\nproviders: [debian, spack]\ninputs: [apt.txt]\n",
    "recipes/base/base.def": "Bootstrap: debootstrap\nOSVersion: {{ suite }}\nMirrorURL: {{ mirror }}\n",
    "recipes/spack-builder/image.yaml": "description: builds\nbase: base\nproviders: [spack]\ninputs: []\n",
    "recipes/spack-builder/spack-builder.def": "Bootstrap: localimage\nFrom: {{ base }}\n%post\n    tools\n",
    "recipes/nest/image.yaml": "description: NEST\nbase: base\nproviders: [spack]\ninputs: [requirements.txt]\ngroup: nest\n",
    "recipes/nest/nest.def": "Bootstrap: localimage\nFrom: {{ base }}\n",
    "recipes/spack/spack.def": (
        "Bootstrap: localimage\nFrom: {{ builder }}\nStage: build\n%post\n    spack {{ spack_commit }} {{ compile_key }}\n\n"
        "Bootstrap: localimage\nFrom: {{ base }}\nStage: final\n%post\n    mpi {{ mpi }}\n"
    ),
    "spack-envs/common/packages.yaml": "packages:\n  all:\n    require: target=x86_64_v3\n",
    "spack-envs/common/tools.yaml": "spack:\n" + TOOL.format(1, "a" * 40) + "packages:\n" + TOOL.format(2, "b" * 40),
    "spack-envs/spack_repo/esd/packages/nest/package.py": "class Nest: ...\n",
    "spack-envs/spack_repo/esd/packages/py_pynn/package.py": "class PyPynn: ...\n",
    "spack-envs/spack_repo/esd/packages/py_unused/package.py": "class PyUnused: ...\n",
    "spack-envs/25.04/apt.txt": "g++\n",
    "spack-envs/25.04/release.yaml": RELEASE,
    "spack-envs/25.04/pins.yaml": (
        "# Made of release.yaml by `esd-build spack lock`: change versions there.\npackages:\n"
        '  nest:\n    require: ["@3.8"]\n  py-pynn:\n    require: ["@0.12.3"]\n  python:\n    require: ["@3.11"]\n'
    ),
    "spack-envs/25.04/spack.yaml": (
        "spack:\n  include: [pins.yaml, ../common]\n  definitions:\n    - nest: [nest, py-pynn]\n    - arbor: [arbor]\n"
        "  specs: [$nest, $arbor]\n  view: false\n"
    ),
    "spack-envs/25.04/spack.lock": json.dumps(LOCK),
}
INPUTS = [
    "25.04/spack.yaml",
    "25.04/pins.yaml",
    "common/packages.yaml",
    "spack_repo/esd/packages/nest/package.py",
    "spack_repo/esd/packages/py_pynn/package.py",
]


@pytest.fixture
def release(tmp_path: Path) -> Project:
    record = {f"spack-envs/{path}": FILES[f"spack-envs/{path}"] for path in INPUTS}
    lines = "".join(f"  {name.removeprefix('spack-envs/')}: {hashlib.sha256(text.encode()).hexdigest()}\n" for name, text in record.items())
    tools = FILES["spack-envs/common/tools.yaml"]
    for name, text in {**FILES, "spack-envs/25.04/concretized.yaml": f"{tools}inputs:\n{lines}"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Project(tmp_path)


@pytest.fixture
def spack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spack]:
    """The real Spack in the real builder image, over a copy of the environments; skips where it cannot be had."""
    missing = [name for name in ("SPACK_ROOT", "SPACK_PACKAGES") if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not set: git repositories of Spack and of its packages")
    monkeypatch.chdir(Path(__file__).parents[4])
    try:
        with open_spack("edge") as found:
            yield found
    except EsdError as error:
        pytest.skip(f"Spack cannot be run here: {error}")
