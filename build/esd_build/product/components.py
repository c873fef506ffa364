"""How much of an image is due to what: its files by the package that brought them."""

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1024**2


@dataclass(frozen=True)
class Component:
    """A package, or a folder that no package brought. `unpacked` is in bytes; `packed` is its share of the image file, estimated."""

    name: str
    files: int
    unpacked: int
    packed: int


def component_of(path: str, owners: Mapping[str, str]) -> str:
    """The package that brought a file; bytecode belongs to its source; else the folder that it lies in."""
    source = _source(path)
    owner = owners.get(source) or owners.get(source.removeprefix("/usr"))
    if owner:
        return owner
    parts = path.strip("/").split("/")
    if "dist-packages" in parts[:-2]:
        return f"folder:{parts[parts.index('dist-packages') + 1]}"
    return "folder:/" + "/".join(parts[: 2 if parts[0] in {"opt", "usr", "var"} else 1])


def components(root: Path, owners: Mapping[str, str], image_size: int) -> Sequence[Component]:
    """All components of an unpacked image, the largest first; their shares add up to the size of the image file."""
    files: dict[str, int] = defaultdict(int)
    unpacked: dict[str, int] = defaultdict(int)
    weight: dict[str, int] = defaultdict(int)
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        name = component_of("/" + str(path.relative_to(root)), owners)
        files[name] += 1
        unpacked[name] += path.stat().st_size
        weight[name] += _packed(path)
    scale = image_size / max(1, sum(weight.values()))
    found = [Component(name, files[name], unpacked[name], round(weight[name] * scale)) for name in files]
    return tuple(sorted(found, key=lambda component: (-component.packed, component.name)))


def _source(path: str) -> str:
    """`x/__pycache__/y.cpython-313.pyc` comes from `x/y.py`."""
    folder, _, file = path.rpartition("/")
    if folder.endswith("/__pycache__") and file.endswith(".pyc"):
        return f"{folder.removesuffix('/__pycache__')}/{file.split('.')[0]}.py"
    return path


def _packed(path: Path) -> int:
    """About what a compressor makes of a file; fast, for the shares alone count."""
    with path.open("rb") as file:
        return sum(len(zlib.compress(block, 1)) for block in iter(lambda: file.read(_BLOCK), b""))
