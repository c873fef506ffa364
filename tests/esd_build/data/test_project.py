"""What a release's file may say, and what only a build chooses."""

import pytest

from esd_build.data.errors import ConfigError


@pytest.mark.parametrize("key", ["draft: true", "variant: x", "image: nest", "default_target: false", "default_provider: false"])
def test_what_is_chosen_for_a_build_is_nothing_that_a_release_says(project, key):
    path = project.root / "spack-envs" / "edge" / "release.yaml"
    path.write_text(f"{path.read_text()}\n{key}\n")

    with pytest.raises(ConfigError, match=key.partition(":")[0]):
        project.environment("edge")
