import json
import tarfile
from pathlib import Path

import pytest

from esd_build.product import oci_archive
from esd_build.product.contents import Entry
from esd_build.product.oci_archive import Description

TIME = 1795132800
ENTRIES = {
    "/": Entry("drwxr-xr-x", "0/0", "30", TIME, ""),
    "/bin": Entry("lrwxrwxrwx", "0/0", "7", TIME, "usr/bin"),
    "/usr": Entry("drwxr-xr-x", "0/0", "30", TIME, ""),
    "/usr/su": Entry("-rwsr-xr-x", "0/42", "4", TIME, ""),
    "/dev/null": Entry("crw-rw-rw-", "0/0", "1, 3", TIME, ""),
}
DESCRIPTION = Description("localhost/esd/nest:edge", {"a": "b"}, {"PATH": "/opt/nest/bin:/usr/bin"}, "2026-11-20T00:00:00Z")


@pytest.mark.parametrize(
    ("mode", "number"),
    [("-rw-r--r--", 0o644), ("drwxrwxrwt", 0o1777), ("-rwsr-xr-x", 0o4755), ("-rwxr-sr-x", 0o2755), ("-rwSr--r-T", 0o5644)],
)
def test_permissions(mode: str, number: int) -> None:
    assert oci_archive.permissions(mode) == number


def test_layer_has_owners_times_and_links_but_no_devices(tmp_path: Path) -> None:
    (tmp_path / "root/usr").mkdir(parents=True)
    (tmp_path / "root/usr/su").write_text("text")
    oci_archive.write_layer(tmp_path / "root", ENTRIES, tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as layer:
        found = {member.name: member for member in layer}
        assert layer.extractfile("usr/su").read() == b"text"
    assert set(found) == {"bin", "usr", "usr/su"}
    assert (found["usr/su"].mode, found["usr/su"].gid, found["usr/su"].mtime) == (0o4755, 42, 1795132800)
    assert found["bin"].linkname == "usr/bin"


def test_the_same_layer_gives_the_same_image(tmp_path: Path) -> None:
    (tmp_path / "layer.tar").write_bytes(b"tar")
    for name in ("a", "b"):
        identifier = oci_archive.write(tmp_path / "layer.tar", "cd" * 32, DESCRIPTION, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with tarfile.open(tmp_path / "a") as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))
    assert manifest["RepoTags"] == ["localhost/esd/nest:edge"]
    assert f"sha256:{manifest['Config'].removesuffix('.json')}" == identifier
    assert config["config"]["Labels"] == {"a": "b"}
    assert config["config"]["Env"] == ["PATH=/opt/nest/bin:/usr/bin"]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + "cd" * 32]
