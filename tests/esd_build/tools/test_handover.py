"""Files of a closed folder for another account: needs root, who alone can become another."""

import os
import pwd
from pathlib import Path

import pytest

from esd_build.tools.handover import can_read, reachable
from esd_build.tools.process import Account, run

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.geteuid() != 0, reason="only root hands files to another account")]


@pytest.fixture
def nobody() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account("nobody", entry.pw_uid, entry.pw_gid, Path("/"))


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    (folder / "tools").mkdir(parents=True)
    (folder / "tools" / "tool.py").write_text("print(1)")
    (folder / "image.sif").write_text("an image")
    (folder / "secret.sif").write_text("its mode is root's alone")
    (folder / "secret.sif").chmod(0o600)
    folder.chmod(0o700)
    return folder


def read(account: Account, path: Path) -> str:
    return run(("cat", str(path)), account=account, cwd=Path("/")).text


def test_files_and_folders_of_a_closed_folder_are_handed_over(closed: Path, nobody: Account) -> None:
    wanted = (closed / "image.sif", closed / "tools", closed / "secret.sif")
    with reachable(nobody, wanted) as (image, tools, secret):
        assert read(nobody, image) == "an image"
        assert read(nobody, tools / "tool.py") == "print(1)"
        assert read(nobody, secret) == "its mode is root's alone"
        assert [path.name for path in (image, tools, secret)] == [path.name for path in wanted]
        handed = image.parent.parent
    assert not handed.exists()
    assert (closed / "secret.sif").stat().st_mode & 0o777 == 0o600


def test_what_can_be_read_stays_where_it_is(nobody: Account) -> None:
    with reachable(nobody, (Path("/etc/passwd"), Path("/usr"))) as paths:
        assert paths == (Path("/etc/passwd"), Path("/usr"))


def test_an_account_of_ones_own_needs_nothing(closed: Path) -> None:
    own = Account("root", 0, 0, Path("/root"))
    assert can_read(own, closed / "secret.sif")
