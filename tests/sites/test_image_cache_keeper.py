"""One folder of images for all users of a site, filled by the account that the site file names: for real, with two users.

The keeper is the account that owns the scratch folder. The other user runs what lies there, and nothing that is not what the registry
promised, whoever changed it.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sites.conftest import Deploy

from esd_localsite import lifecycle
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import SiteOptions, Speed, UserOption
from esd_localsite.state.status import SiteStatus

pytestmark = pytest.mark.integration
HELLO = "print('hello')\n"


@pytest.fixture(scope="module")
def site(local_site_possible: None) -> Iterator[SiteStatus]:
    """A site with a second user, `ada`."""
    name = f"pytest-{os.getpid()}-keeper"
    try:
        yield lifecycle.up(name, options=SiteOptions(speed=Speed.CI, users=(UserOption(name="ada"),)))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="module")
def keeper(site: SiteStatus, offer: Callable[[SiteStatus], Deploy]) -> Deploy:
    """The commands of the site's first user, who keeps the images."""
    deploy = offer(site)
    deploy.site_file.write_text(f"{deploy.site_file.read_text()}\nimage_cache_keeper: {site.scratch.owner()}\n")
    return deploy


@pytest.fixture(scope="module")
def ada(site: SiteStatus, keeper: Deploy) -> Deploy:
    """The commands of the other user."""
    own = {"url": site.unicore_url, "registry": site.registry, "ca_file": str(site.ca_file)}
    own["credentials"] = {"username": "ada", "password_file": str(Layout(site.name).password_of("ada"))}
    lines = (line for line in keeper.site_file.read_text().splitlines() if not line.startswith("status_file"))
    file = keeper.runs / "ada.yaml"
    file.write_text("\n".join((*lines, *(f"{key}: {json.dumps(value)}" for key, value in own.items()), "")))
    return replace(keeper, site_file=file)


def shared(site: SiteStatus, record: dict[str, object]) -> Path:
    """Where the image of a run lies in the keeper's folder."""
    image: dict[str, str] = record["image"]  # type: ignore[assignment]
    return site.scratch / "esd-images" / f"{image['sif_digest'].removeprefix('sha256:')}.sif"


def own_folder(site: SiteStatus) -> Path:
    """Where the other user's own images lie."""
    return site.scratch / f"esd-images-{Layout(site.name).homes.joinpath('ada').stat().st_uid}"


def ran_what_was_promised(record: dict[str, object]) -> bool:
    image: dict[str, object] = record["image"]  # type: ignore[assignment]
    nodes: dict[str, str] = image["nodes"]  # type: ignore[assignment]
    return set(nodes.values()) == {str(image["sif_digest"]).removeprefix("sha256:")} and record["status"] == "SUCCESSFUL"


def test_the_keeper_fills_the_folder_and_the_other_user_runs_from_it(
    site: SiteStatus, keeper: Deploy, ada: Deploy, script: Callable[[str], Path]
) -> None:
    before = ada.run(script(HELLO), "--image", "nest")
    assert (before["pull"]["downloaded"], ran_what_was_promised(before)) == (True, True)  # nobody has filled the folder yet

    kept = keeper.run(script(HELLO), "--image", "nest")
    place = shared(site, kept)
    assert (kept["pull"]["downloaded"], ran_what_was_promised(kept)) == (True, True)
    assert (place.owner(), place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (site.scratch.owner(), 0o444, 0o755)

    for one in own_folder(site).glob("*.sif"):
        one.unlink()
    after = ada.run(script(HELLO), "--image", "nest")
    assert (after["pull"]["downloaded"], ran_what_was_promised(after)) == (False, True)
    assert list(own_folder(site).glob("*.sif")) == []


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("harm", ["another content", "another owner", "open to all"])
def test_what_lies_there_and_is_not_what_was_promised_is_not_run(
    site: SiteStatus, keeper: Deploy, ada: Deploy, script: Callable[[str], Path], harm: str
) -> None:
    place = shared(site, keeper.run(script(HELLO), "--image", "nest"))
    good, owner = place.read_bytes(), place.stat()
    try:
        if harm == "another content":
            place.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        elif harm == "another owner":
            os.chown(place, Layout(site.name).homes.joinpath("ada").stat().st_uid + 1, -1)
        else:
            place.chmod(0o666)
        record = ada.run(script(HELLO), "--image", "nest")
    finally:
        place.write_bytes(good)
        os.chown(place, owner.st_uid, owner.st_gid)
        place.chmod(0o444)
    assert ran_what_was_promised(record)
    assert list(own_folder(site).glob("*.sif"))


def test_the_other_user_cannot_take_the_keepers_place(site: SiteStatus, keeper: Deploy, ada: Deploy, script: Callable[[str], Path]) -> None:
    """Not even by a job, which has that user's account at the site."""
    place = shared(site, keeper.run(script(HELLO), "--image", "nest"))
    text = f"""
import os
for act in (lambda: open({str(place)!r}, 'ab'), lambda: os.rename({str(place.parent)!r}, {str(place.parent)!r} + '.away'),
            lambda: os.symlink('/etc/passwd', {str(place.parent / "x")!r}), lambda: os.chmod({str(place)!r}, 0o666)):
    try:
        act()
    except OSError as error:
        print('refused', error.errno)
    else:
        raise SystemExit('a neighbour could change the shared folder')
"""
    record = ada.run(script(text), "--image", "nest")
    assert (ada.folder(record) / "stdout").read_text().count("refused") == 4
