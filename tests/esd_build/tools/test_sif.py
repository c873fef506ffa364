import struct
from pathlib import Path

import pytest

from esd_build.data.errors import UsageError
from esd_build.tools import sif

PARTS = ((0x4001, b"Bootstrap: localimage\n"), (0x4006, b"{}"), (0x4004, b"hsqs" + b"files" * 100))


def write_image(path: Path, when: int = 1234, parts: tuple[tuple[int, bytes], ...] = PARTS) -> Path:
    """A SIF file as Apptainer lays it out, by the format's description."""
    start, data = 128 + 585 * 4, 4096
    descriptors, bodies = b"", b""
    for number, (kind, content) in enumerate(parts, start=1):
        offset = data + len(bodies)
        head = struct.pack("<iBIIIqqq", kind, 1, number, 0xF0000001, 0, offset, len(content), len(content))
        descriptors += head + struct.pack("<4q", when, when, 1001, 1001) + bytes(128) + bytes(384)
        bodies += content
    header = b"#!/usr/bin/env run-singularity\n\0" + b"SIF_MAGIC\0" + b"01\0" + b"02\0" + bytes(range(16))
    header += struct.pack("<8q", when, when, 1, 4, 128, 585 * 4, data, len(bodies))
    path.write_bytes((header + descriptors).ljust(start, b"\0").ljust(data, b"\0") + bodies)
    return path


def test_parts_and_root(tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.sif")
    assert [(part.kind, part.size) for part in sif.objects(image)] == [(kind, len(content)) for kind, content in PARTS]
    root = sif.root_file_system(image)
    assert image.read_bytes()[root.offset : root.offset + root.size] == PARTS[2][1]


def test_two_builds_have_one_header(tmp_path: Path) -> None:
    first, second = write_image(tmp_path / "a.sif", 1000), write_image(tmp_path / "b.sif", 2000)
    assert first.read_bytes() != second.read_bytes()
    for image in (first, second):
        sif.normalise(image, epoch=500, name="key")
    assert first.read_bytes() == second.read_bytes()
    assert [part.size for part in sif.objects(first)] == [len(content) for _, content in PARTS]
    sif.normalise(second, epoch=500, name="another key")
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.parametrize("kept", [0, 100, 200, 4000, 4200])
def test_file_that_was_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    image = write_image(tmp_path / "a.sif")
    image.write_bytes(image.read_bytes()[:kept])
    with pytest.raises(UsageError, match="cut off"):
        sif.objects(image)


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "a.sif"
    other.write_bytes(bytes(5000))
    with pytest.raises(UsageError, match="is not a SIF file"):
        sif.objects(other)
    with pytest.raises(UsageError, match="has no file system"):
        sif.root_file_system(write_image(tmp_path / "b.sif", parts=PARTS[:2]))
