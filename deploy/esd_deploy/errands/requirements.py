"""From a file of requirements to a lock and to a tree of files, by uv: resolved against what is in the image, for the image's Python."""

import hashlib
import io
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from esd_build.data.errors import ToolError, UsageError
from esd_build.tools import process
from esd_deploy.errands.image_contents import Package
from esd_deploy.inputs.content import OnDisk
from esd_deploy.inputs.packages import Packages, versions

_MOST_BYTES = 4_000_000_000
_PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_ARCHITECTURE = "org.label-schema.build-arch"
_WHEELS = ("--only-binary", ":all:")
_SHOWN = 40
_NO_INDEX = re.compile("Failed to (fetch|download)|error sending request|Request failed")
_ADVICE: Mapping[re.Pattern[str], str] = {
    _NO_INDEX: "this machine asks the index, the site needs none: check its network, and HTTPS_PROXY and SSL_CERT_FILE; "
    "UV_DEFAULT_INDEX names another index, such as a mirror",
    re.compile("has no (usable )?wheels|Wheels are required"): "nothing is compiled for a run: ask for a version that has a wheel for "
    "the image's Python, or put the package into an image of your own",
    re.compile("not found in the package registry"): "check how the index spells the name",
    re.compile("No solution found"): "the image's own packages keep their versions (`esd-deploy image-contents` lists them): "
    "ask for versions that go with them, or choose another image",
}
"""What uv says, and what the user can do; the first that fits counts."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Built:
    """Packages with the archive of their files, `packages/…` and `sums`."""

    packages: Packages
    archive: OnDisk


def require_file(file: Path) -> None:
    """Before any server is asked. Raises UsageError."""
    if not file.is_file():
        raise UsageError(f"--requirements {file}: no such file")


def locked(file: Path, there: Sequence[Package], image: str, labels: Mapping[str, str]) -> Built:
    """The packages that a file of requirements needs besides those of the image.

    Raises UsageError if they contradict the image, have no wheel, or are no plain requirements; ToolError if no index answers.
    """
    python, platform = _python(there, image), _platform(labels, image)
    lock = _lock(file, pinned(there), _for(python, platform))
    if not versions(lock):
        raise UsageError(f"--requirements {file}: the image has all of it already, or the file names nothing; leave the option out")
    return built(Packages(lock, python, platform, image, ""))


def _platform(labels: Mapping[str, str], image: str) -> str:
    built = labels.get(_ARCHITECTURE, "amd64")
    if built not in _PLATFORMS:
        raise UsageError(f"{image} is for '{built[:40]}', as its label says; --requirements knows {' and '.join(_PLATFORMS)}")
    return _PLATFORMS[built]


def pinned(there: Sequence[Package]) -> dict[str, str]:
    """Name on the index → version of the Python packages in an image, as pip and Spack have them.

    Whoever wrote the bill of materials could write anything: what is no name and no version never reaches uv's files and words.
    """
    names = {one.name if one.origin in {"pypi", "source"} else one.name.removeprefix("py-"): one for one in there if _is_python(one)}
    plain = {name: one.version for name, one in names.items() if _NAME.fullmatch(name) and _VERSION.fullmatch(one.version)}
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in plain.items()}


def _is_python(one: Package) -> bool:
    return one.origin in {"pypi", "source"} or (one.origin == "spack" and one.name.startswith("py-"))


def built(packages: Packages) -> Built:
    """The archive of packages that are locked, from this user's cache or newly made; their `sums` are those of what was made."""
    folder = Path(platformdirs.user_cache_dir("esd-images")) / "packages"
    what = "\n".join((packages.python, packages.platform, hashlib.sha256(packages.lock).hexdigest()))
    archive = folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.tar"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not archive.is_file():
            _make(packages, archive)
        with tarfile.open(archive) as tar:
            first = tar.extractfile("sums")
            sums = hashlib.sha256(first.read() if first else b"").hexdigest()
        return Built(replace(packages, sums=sums), OnDisk(archive, archive.stat().st_size))
    except (tarfile.TarError, KeyError) as error:
        raise ToolError(f"{archive} is damaged ({error}); remove it") from error
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}; packages are put together there") from error


def _make(packages: Packages, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="esd-packages-") as work:
        lock, tree = Path(work) / "lock.txt", Path(work) / "tree"
        lock.write_bytes(packages.lock)
        tree.mkdir()
        target = _for(packages.python, packages.platform)
        try:
            _uv("pip", "install", "--target", str(tree), "--no-deps", "--require-hashes", "-r", str(lock), *target)
        except ToolError as error:
            raise ToolError(f"--requirements: the packages of the lock cannot be put together: {_advised(str(error))}") from error
        temporary = archive.with_name(f".{archive.name}.{os.getpid()}")
        _pack(tree, temporary)
        temporary.replace(archive)


def _pack(tree: Path, archive: Path) -> None:
    """The same bytes for the same files. Programs in bin/ stay out: they name a Python of this machine."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink() and not _left_out(path.relative_to(tree)))
    if sum(path.stat().st_size for path in files) > _MOST_BYTES:
        raise UsageError(
            f"--requirements: the packages have more than {_MOST_BYTES // 10**9} GB; an image of your own is the place for them"
        )
    lines = []
    with tarfile.open(archive, "w") as tar:
        for path in files:
            name = path.relative_to(tree).as_posix()
            if not name.isprintable() or "\\" in name:
                raise UsageError(f"--requirements: a package has a file with an odd name, {name!r}")
            with path.open("rb") as content:
                lines.append(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {name}\n")
                content.seek(0)
                tar.addfile(_entry(f"packages/{name}", path.stat().st_size), content)
        sums = "".join(lines).encode()
        tar.addfile(_entry("sums", len(sums)), io.BytesIO(sums))


def _left_out(path: Path) -> bool:
    return path.parts[0] in {"bin", ".lock"} or "__pycache__" in path.parts


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o444
    return entry


def _lock(file: Path, inside: Mapping[str, str], options: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="esd-requirements-") as work:
        constraints, lock = Path(work) / "constraints.txt", Path(work) / "lock.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in inside.items()), encoding="utf-8")
        quiet = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--generate-hashes")
        left_out = (word for name in inside for word in ("--no-emit-package", name))
        try:
            _uv("pip", "compile", str(file.absolute()), "--constraints", str(constraints), *quiet, *left_out, *options, "-o", str(lock))
        except ToolError as error:
            raise _kind(str(error))(f"--requirements {file}: {_advised(str(error))}") from error
        return lock.read_bytes()


def _kind(said: str) -> type[UsageError | ToolError]:
    """What cannot be resolved is the file's fault; an index that does not answer is not."""
    if _NO_INDEX.search(said):
        return ToolError
    return UsageError if "No solution found" in said or "Couldn't parse" in said or "invalid" in said.lower() else ToolError


def _advised(said: str) -> str:
    """uv's words, and what to do."""
    return next((f"{said}\n{what}" for words, what in _ADVICE.items() if words.search(said)), said)


def _for(python: str, platform: str) -> tuple[str, ...]:
    return ("--python-version", python, "--python-platform", platform, *_WHEELS)


def _python(there: Sequence[Package], image: str) -> str:
    """The minor version of the image's Python."""
    found = next((one.version for one in there if one.name in {"python3", "python"}), "")
    match = re.match(r"3\.\d+", found)
    if match is None:
        raise ToolError(f"the bill of materials of {image} does not say which Python it has; --requirements needs to know")
    return match[0]


def _uv(*arguments: str) -> None:
    """Raises ToolError with its last lines where it fails."""
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.is_file() else shutil.which("uv")
    if program is None:
        raise ToolError("--requirements needs the program uv: `pip install uv`")
    done = process.run(
        (program, "--quiet", *arguments), environment={"UV_NATIVE_TLS": os.environ.get("UV_NATIVE_TLS", "1")}, keep_lines=_SHOWN
    )
    if done.returncode:
        raise ToolError(done.text or f"uv ended with exit code {done.returncode}")
