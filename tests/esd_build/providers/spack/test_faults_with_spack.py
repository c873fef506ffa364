"""What goes wrong while Spack fetches and builds, with the real Spack in the real builder image: minutes, so only with `-m long`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from esd_build.providers.spack.build import mirror_folder, put_group
from esd_build.providers.spack.locks.environment import SpackEnvironment
from esd_build.providers.spack.locks.lockfile import Concrete
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.sources.mirror import Source
from esd_build.providers.spack.workshop.tool import CACHE, STORE, WORK, Spack
from esd_build.tools.process import Finished

pytestmark = [pytest.mark.long, pytest.mark.integration]
ENVIRONMENT = "edge/system-trixie"
# A small package that is compiled of nothing, and those that it is built with.
SMALL = "py-lazyarray"


@pytest.fixture
def small(spack: Spack) -> Concrete:
    """A small package of the `nest` group, whose lock lies in the session as `group`."""
    return put_group(spack, SpackEnvironment.named(ENVIRONMENT), "nest").named(SMALL)[0]


def configure(spack: Spack, mirror: str) -> None:
    """Sources from one mirror and nowhere else that was fetched to before; what is built is kept in the session."""
    scope = spack.work / "scope"
    built = f"  built: {{url: 'file://{WORK}/built', source: false, binary: true, signed: false, autopush: true}}\n"
    (scope / "mirrors.yaml").write_text(f"mirrors:\n  sources: {{url: 'file://{mirror}', source: true, binary: false}}\n{built}")
    (scope / "config.yaml").write_text(f"config:\n  source_cache: {WORK}/source-cache\n")
    for folder in ("built", "source-cache"):
        (spack.work / folder).mkdir(exist_ok=True)
    spack.apptainer.account.own(spack.work)


def source_of(spack: Spack, package: Concrete) -> Source:
    return next(source for source in sources.listed(spack, "group") if source.hash == package.hash)


def test_a_checksum_that_the_index_does_not_have(spack: Spack, small: Concrete, tmp_path: Path) -> None:
    recipe = spack.environments / "spack_repo/esd/packages/py_lazyarray/package.py"
    right = source_of(spack, small)
    recipe.write_text(recipe.read_text().replace(right.sha256, "0" * 64))
    wrong = source_of(spack, small)
    assert wrong.sha256 == "0" * 64
    missing = sources.fill(spack, [wrong], tmp_path, lambda _line: None)
    assert [str(found) for found in missing] == [f"{SMALL}@{small.version}: the package index has no file with the recipe's checksum"]


def test_spack_builds_nothing_from_a_mirror_with_another_file(spack: Spack, small: Concrete) -> None:
    source = source_of(spack, small)
    configure(spack, f"{WORK}/mirror")
    file = spack.work / "mirror" / source.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not what the recipe means")
    assert sources.absent([source], spack.work / "mirror") == (source,)
    spack.apptainer.account.own(spack.work)
    finished = spack("fetch", f"/{small.hash}", environment="group")
    assert finished.returncode != 0
    assert "sha256 checksum failed" in finished.text
    assert f"xpected {source.sha256}" in finished.text


def test_an_install_that_was_cut_off_goes_on(spack: Spack, small: Concrete) -> None:
    kept = mirror_folder(spack.cache)
    needed = [source for source in sources.listed(spack, "group") if not (kept / source.path).is_file()]
    if needed:
        pytest.skip(f"the source mirror of this machine is not filled: `esd-build spack mirror {ENVIRONMENT}`")
    configure(spack, f"{CACHE}/{sources.MIRROR}")
    finished: list[str] = []

    def stop_after_the_first(line: str) -> None:
        finished.extend(_kept(line))
        if finished:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(spack, small, stop_after_the_first)
    # As after a build whose container is gone: of what was done, only the cache of built packages is left.
    spack.container(("find", STORE, "-mindepth", "1", "-delete"))
    result = install(spack, small)
    assert result.returncode == 0, result.text[-3000:]
    assert f"==> Extracting {finished[0]}-" in result.text
    assert f"==> Extracting {SMALL}-" not in result.text
    assert f"==> {SMALL}: Successfully installed" in result.text


def install(spack: Spack, package: Concrete, on_line: Callable[[str], None] = lambda _line: None) -> Finished:
    spack("buildcache", "update-index", "built")
    return spack("install", "--only-concrete", "--no-check-signature", f"/{package.hash}", environment="group", on_line=on_line)


def _kept(line: str) -> list[str]:
    """The package that a line of Spack's says is built, and in the cache."""
    name, _, said = line.removeprefix("==> ").partition(": ")
    return [name] if said.startswith("Pushed to build cache") else []
