"""A small project to plan with: one base, one image on it, one environment."""

from pathlib import Path

import pytest

from esd_build.data.project import Project

FILES = {
    "recipes/base/image.yaml": "description: the base\nproviders: [debian]\ninputs: [apt.txt]\n",
    "recipes/base/base.def": "Bootstrap: debootstrap\nOSVersion: {{ suite }}\nMirrorURL: {{ mirror }}\n",
    "recipes/nest/image.yaml": (
        "description: NEST\nbase: base\nproviders: [debian]\ninputs: [requirements.txt, wheels, sources]\ncompiled_with: [g++]\n"
    ),
    "recipes/nest/nest.def": (
        "Bootstrap: localimage\nFrom: {{ base }}\nStage: build\n%post\n    make {{ march }} {{ compile_key }}\n\n"
        "Bootstrap: localimage\nFrom: {{ base }}\nStage: final\n%post\n    install {{ nest_version }}\n"
    ),
    "recipes/nest/settings.conf": "threads = 2\n",
    "spack-envs/edge/release.yaml": (
        'description: newest\nprovider: debian\nsuite: trixie\npython: "3.13"\ntarget: x86_64_v3\n'
        "pins:\n  NEST:\n    version: 3.10.0\n    evidence: PyPI\n"
    ),
    "spack-envs/edge/apt.txt": "python3\ng++\n",
    "spack-envs/edge/requirements.txt": "pynn==0.13.0\n",
    "spack-envs/edge/sources.txt": "nest-simulator==3.10.0\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Project(tmp_path)
