from esd_build.building.definition import Definition

TEXT = """# a comment
Bootstrap: localimage
From: {{ base }}
Stage: build
%post
    make {{march}}

bootstrap: localimage
from: {{ base }}
%post
    install {{ nest_version }}
"""


def test_stages_by_name() -> None:
    stages = Definition(TEXT).stages
    assert list(stages) == ["build", "final"]
    assert "make" in stages["build"]
    assert "install" not in stages["build"]


def test_arguments_with_and_without_blanks() -> None:
    assert Definition(TEXT).arguments == {"base", "march", "nest_version"}
