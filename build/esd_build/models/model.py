"""A NESTML model and what to make from it: computed without acting.

What comes out depends on the files, the image and the scripts that run in it: the key is a hash of all of them.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from esd_build.data.errors import UsageError

Target = Literal["nest", "spinnaker"]
TARGETS: tuple[Target, ...] = get_args(Target)
POST_PORT = "post_spikes"
"""The input of a plastic synapse that hears the postsynaptic neuron, as NESTML's own models call it."""

_MODEL = re.compile(r"^(?:model|neuron|synapse)\s+([A-Za-z_]\w*)\s*:", re.MULTILINE)
"""How a model begins: before NESTML 8, `neuron` or `synapse` instead of `model`."""


def inside() -> Path:
    """The folder of what runs inside an image."""
    return Path(str(files("esd_build.models") / "inside"))


@dataclass(frozen=True)
class ModelSource:
    """A neuron's NESTML file, and where it is plastic a synapse's."""

    neuron: Path
    synapse: Path | None = None
    post_port: str = POST_PORT

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.neuron, *([self.synapse] if self.synapse else []))

    @property
    def module(self) -> str:
        """The name of the compiled module; NESTML wants it to end so."""
        return "_".join(re.sub(r"\W", "_", path.stem) for path in self.files) + "_module"

    @property
    def content(self) -> dict[str, bytes]:
        """The files by name. Raises UsageError for one that cannot be read, or is no NESTML file."""
        found = {}
        for path in self.files:
            if path.suffix != ".nestml":
                raise UsageError(f"{path}: the name of a model's file must end with .nestml")
            try:
                found[path.name] = path.read_bytes()
            except OSError as error:
                raise UsageError(f"{path}: {error.strerror}; give the path of a NESTML file") from error
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The models' own names, neuron first. Raises UsageError for a file without a model."""
        return tuple(_name(path, self.content[path.name]) for path in self.files)

    def require_models(self) -> None:
        """Raises UsageError for a file that cannot be read, or without a model."""
        for path in self.files:
            _name(path, self.content[path.name])

    @property
    def pair(self) -> tuple[str, ...]:
        """The options that tell NESTML which synapse goes with which neuron."""
        return ("--pair", *self.names, self.post_port) if self.synapse else ()


def _name(path: Path, content: bytes) -> str:
    found = _MODEL.search(content.decode("utf-8", errors="replace"))
    if found is None:
        raise UsageError(f"{path}: no line 'model NAME:'; a NESTML file needs one")
    return found[1]


@dataclass(frozen=True)
class ModelPlan:
    """One model, one target, one image."""

    source: ModelSource
    target: Target
    image: Path
    image_sha256: str

    @property
    def key(self) -> str:
        """Hash of all that decides the result, 16 hex digits."""
        parts = {name: _hash(content) for name, content in self.source.content.items()}
        parts |= {path.name: _hash(path.read_bytes()) for path in _scripts(self.target)}
        parts |= {"target": self.target, "image": self.image_sha256, "pair": " ".join(self.source.pair)}
        return _hash(json.dumps(parts, sort_keys=True).encode())[:16]

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """What runs in the image, one after the other: /inside has the scripts, /work the files and the results."""
        files = (f"/work/{name}" for name in self.source.content)
        generate = ("python3", "/inside/generate.py", self.target, self.source.module, "/work", *self.source.pair, *files)
        return (generate, *((("python3", "/inside/spinnaker_trace.py", "/work", "compile"),) if self.target == "spinnaker" else ()))


def _scripts(target: Target) -> list[Path]:
    """What has a part in making a model's code; the scripts that only run it do not count."""
    names = ("generate.py",) if target == "nest" else ("generate.py", "spinnaker_trace.py", "unit.c", "standin/**/*.h")
    return sorted(path for name in names for path in inside().glob(name))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
