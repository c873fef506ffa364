"""Sources that somebody brings: the recipe's own are taken, others only by their checksum's name, and then told everywhere."""

import hashlib
from pathlib import Path

import pytest

from esd_build.data.errors import UsageError
from esd_build.data.project import Project
from esd_build.data.reference import ImageReference
from esd_build.product.publishing import Publication, publish
from esd_build.providers.plan import make_plan
from esd_build.providers.spack import provider
from esd_build.providers.spack.sources import accepted
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.sources.accepted import Accepted
from esd_build.providers.spack.sources.mirror import Source
from esd_build.registry import UNVERIFIED_SOURCES

RECIPE, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"upstream's archive", b"the same files, packed again"))
NEST = Source("nest", "3.8", "h", "ab/nest-3.8.tar.gz", "https://example.org/v3.8.tar.gz", RECIPE, "")
NEO = Source("py-neo", "1", "h", "ab/neo-1.tar.gz", "https://example.org/neo.tar.gz", "0" * 64, "neo")


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    path = tmp_path / "nest.tar.gz"
    path.write_bytes(b"the same files, packed again")
    return path


def test_the_recipes_own_file_is_known_by_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "whatever"
    file.write_bytes(b"upstream's archive")
    assert sources.bring(file, [NEO, NEST], tmp_path / "mirror", named=None, accept=None) is None
    assert sources.absent([NEST], tmp_path / "mirror") == ()


@pytest.mark.parametrize(
    ("named", "accept", "message"),
    [
        (None, None, r"checksum fits no source; name the source with --as PACKAGE@VERSION \(needed: py-neo@1, nest@3\.8\)"),
        ("nest@3.9", None, r"the lock needs no source nest@3\.9; it needs: py-neo@1, nest@3\.8"),
        ("nest@3.8", None, rf"(?s)recipe of nest@3\.8 wants {RECIPE}.*cannot be published.*--accept-checksum {OTHER}"),
        ("nest@3.8", "f" * 64, "which is neither"),
    ],
)
def test_another_checksum_is_refused(tmp_path: Path, brought: Path, named: str | None, accept: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sources.bring(brought, [NEO, NEST], tmp_path / "mirror", named=named, accept=accept)
    assert not (tmp_path / "mirror").exists()


def test_what_was_accepted_is_noted_and_counts_as_there(release: Project, brought: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    taken = sources.bring(brought, [NEST], mirror, named="nest@3.8", accept=OTHER)
    assert taken == Accepted(package="nest", version="3.8", recipe=RECIPE, sha256=OTHER)
    assert taken is not None
    accepted.add(release, taken.model_copy(update={"sha256": "e" * 64}))
    accepted.add(release, taken)
    assert accepted.read(release) == (taken,)
    assert sources.absent([NEST], mirror) == (NEST,)
    assert sources.absent(sources.as_accepted([NEST], accepted.checksums(accepted.read(release))), mirror) == ()


def test_an_image_of_it_is_another_and_says_so(release: Project) -> None:
    def built() -> tuple[str | None, str]:
        recipe, environment = release.recipe("nest"), release.environment("25.04")
        stages = make_plan(release, recipe, environment, "x86_64", lambda _image, _key: {}).stages
        return stages[-1].key, provider.arguments(release, recipe, environment)["unverified"]

    before = built()
    assert before[1] == "none"
    accepted.add(release, Accepted(package="nest", version="3.8", recipe=RECIPE, sha256=OTHER))
    after = built()
    assert after[1] == f"nest@3.8 sha256:{OTHER}"
    assert after[0] != before[0]
    accepted.add(release, Accepted(package="nest", version="3.9", recipe=RECIPE, sha256=OTHER))
    assert built() == after


def test_the_recipe_in_the_build_folder_asks_for_it(tmp_path: Path) -> None:
    recipe = tmp_path / "nest" / "package.py"
    recipe.parent.mkdir()
    recipe.write_text(f'version("3.8", sha256="{RECIPE}")\n')
    found = Accepted(package="nest", version="3.8", recipe=RECIPE, sha256=OTHER)
    accepted.rewrite_recipes(tmp_path, [found])
    assert recipe.read_text() == f'version("3.8", sha256="{OTHER}")\n'
    with pytest.raises(UsageError, match="its source cannot be replaced"):
        accepted.rewrite_recipes(tmp_path, [found])


def test_such_an_image_stays_on_this_machine() -> None:
    repository = ImageReference.parse("docker-registry.ebrains.eu/hpc-containers/nest:25.02")
    publication = Publication(Path("nest.sif"), repository, ("25.02",), {UNVERIFIED_SOURCES: f"nest@3.8 sha256:{OTHER}"}, {}, "0" * 64)
    with pytest.raises(UsageError, match=r"only a registry on this machine may have it"):
        publish(publication, None, say=print)  # type: ignore[arg-type]
