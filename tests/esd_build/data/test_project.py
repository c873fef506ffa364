"""What a release's file may say, and what only a build chooses."""

import pytest

from esd_build.data.errors import ConfigError


@pytest.mark.parametrize("key", ["draft: true", "variant: x", "image: nest", "default_target: false", "default_provider: false"])
def test_what_is_chosen_for_a_build_is_nothing_that_a_release_says(project, key):
    path = project.root / "spack-envs" / "edge" / "release.yaml"
    path.write_text(f"{path.read_text()}\n{key}\n")

    with pytest.raises(ConfigError, match=key.partition(":")[0]):
        project.environment("edge")


VARIANT = """
quick: system-bookworm
variants:
  system-bookworm:
    suite: bookworm
    python: "3.11"
    pins: {GCC: {version: 12.2.0, evidence: Debian's}}
"""


@pytest.fixture
def quick(project):
    """A release with a quick form on another Debian suite."""
    folder = project.root / "spack-envs" / "edge"
    release = folder / "release.yaml"
    release.write_text(release.read_text().replace("provider: debian", "provider: spack") + VARIANT.lstrip())
    for path in (folder / "spack.yaml", folder / "system-bookworm" / "spack.yaml"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("spack: {specs: []}\n")
    return project


@pytest.mark.parametrize(
    ("name", "provider", "suite", "label"),
    [
        ("edge", None, "bookworm", "edge"),
        ("edge/system-bookworm", None, "bookworm", "edge"),
        ("edge", "spack", "trixie", "edge-spack"),
    ],
)
def test_the_quick_form_is_meant_where_nobody_names_another(quick, name, provider, suite, label):
    environment = quick.environment(name, provider)
    assert (environment.suite, environment.label) == (suite, label)
    assert ("GCC" in environment.pins) is (suite == "bookworm")
    assert environment.pins["NEST"].version == "3.10.0"


def test_a_variants_base_image_has_its_own_list(quick):
    own = quick.root / "spack-envs" / "edge" / "system-bookworm" / "base" / "apt.txt"
    own.parent.mkdir()
    own.write_text("g++\n")
    assert quick.environment("edge").of("base").file("apt.txt") == own
    assert quick.environment("edge", "spack").of("base").file("apt.txt") == quick.root / "spack-envs" / "edge" / "apt.txt"
