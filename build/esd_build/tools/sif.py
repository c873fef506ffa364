"""Reads the SIF container format: checks that a file is whole, finds its root file system, and writes a constant header.

Follows the Singularity Image Format's own description (github.com/sylabs/sif, `pkg/sif`): a header of 128 bytes, descriptors of 585 bytes,
little endian, no padding.
"""

import hashlib
import os
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from esd_build.data.errors import UsageError

_HEADER = struct.Struct("<32s10s3s3s16s8q")
_DESCRIPTOR = struct.Struct("<iBIII7q128s384s")
_MAGIC = b"SIF_MAGIC\0"
_FILE_SYSTEM = 0x4004
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562, Appendix C: names that are URLs


@dataclass(frozen=True)
class DataObject:
    """One part of a SIF file, and where it lies, in bytes.

    `kind`: 0x4001 definition, 0x4006 JSON, 0x4004 file system, 0x4005 signature.
    """

    kind: int
    offset: int
    size: int


def objects(image: Path) -> tuple[DataObject, ...]:
    """The parts of an image, in the order of the file. Raises UsageError if the file is no SIF file, or was cut off."""
    with image.open("rb") as file:
        header = _read(file, 0, _HEADER, image)
        if header[1] != _MAGIC:
            raise UsageError(f"{image} is not a SIF file")
        found = tuple(DataObject(entry[0], entry[5], entry[6]) for _, entry in _descriptors(file, header, image))
    if any(part.offset < 0 or part.size < 0 for part in found):
        raise UsageError(f"{image} is damaged: its header places a part before the beginning of the file; `make image` builds it again")
    found = tuple(sorted(found, key=lambda part: part.offset))
    if any(part.offset + part.size > after.offset for part, after in pairwise(found)):
        raise UsageError(f"{image} is damaged: two parts of it overlap, so that one shows what another hides; `make image` builds it again")
    end = max((part.offset + part.size for part in found), default=0)
    if image.stat().st_size < end:
        raise UsageError(f"{image} is cut off: {image.stat().st_size} bytes of {end}, as its header says; `make image` builds it again")
    return found


def root_file_system(image: Path) -> DataObject:
    """The squashfs that becomes `/`; raises UsageError if there is none, or more than one."""
    roots = [part for part in objects(image) if part.kind == _FILE_SYSTEM]
    if len(roots) > 1:
        raise UsageError(f"{image} has {len(roots)} file systems: what runs may not be what was checked; use an image with one")
    if not roots:
        raise UsageError(f"{image} has no file system")
    return roots[0]


def digest(image: Path, part: DataObject) -> str:
    """SHA-256 of one part of an image, hex; reads in constant memory."""
    found = hashlib.sha256()
    with image.open("rb") as file:
        file.seek(part.offset)
        left = part.size
        while left and (block := file.read(min(left, 1024**2))):
            found.update(block)
            left -= len(block)
    return found.hexdigest()


def normalise(image: Path, *, epoch: int, name: str) -> None:
    """Give an unsigned image the same header in each build: times of `epoch` (seconds), and an identifier made from `name`."""
    identifier = uuid.uuid5(_NAMESPACE, name).bytes
    with image.open("r+b") as file:
        header = _read(file, 0, _HEADER, image)
        for offset, entry in list(_descriptors(file, header, image)):
            file.seek(offset)
            file.write(_DESCRIPTOR.pack(*entry[:8], epoch, epoch, 0, 0, *entry[12:]))
        file.seek(0)
        file.write(_HEADER.pack(*header[:4], identifier, epoch, epoch, *header[7:]))
        file.flush()
        os.fsync(file.fileno())


def _descriptors(file: BinaryIO, header: tuple[Any, ...], image: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Offset and fields of each descriptor that is in use."""
    total, start = header[8], header[9]
    if not (0 <= total <= 4096):
        raise UsageError(f"{image} is damaged: its header is not valid; `make image` builds it again")
    for number in range(total):
        offset = start + number * _DESCRIPTOR.size
        entry = _read(file, offset, _DESCRIPTOR, image)
        if entry[1]:
            yield offset, entry


def _read(file: BinaryIO, offset: int, layout: struct.Struct, image: Path) -> tuple[Any, ...]:
    content = b""
    if 0 <= offset <= os.fstat(file.fileno()).st_size:  # elsewhere the kernel itself refuses, at a place that each disk has its own
        file.seek(offset)
        content = file.read(layout.size)
    if len(content) < layout.size:
        raise UsageError(f"{image} is not a SIF file, or was cut off")
    return layout.unpack(content)
