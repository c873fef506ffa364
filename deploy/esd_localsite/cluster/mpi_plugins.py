"""Which MPI plugins a site's Slurm offers: a folder of links to the machine's plugins, without those that the site must not have."""

import re
from collections.abc import Sequence
from pathlib import Path

from esd_localsite.errors import LocalSiteError

_FOLDERS = ("/usr/lib/*/slurm-wlm", "/usr/lib64/slurm", "/usr/lib/slurm", "/usr/local/lib/slurm")
_REHEARSED = "pspmix"
"""A plugin of another system, rehearsed with Slurm's newest for PMIx under its name: ParaStation's PMIx server is not Slurm's."""
_ALWAYS = ("none",)
"""Since 23.02, Slurm needs no file for it."""


def slurm_plugins(root: Path = Path("/")) -> Path:
    """The machine's folder of Slurm plugins. Raises LocalSiteError if there is none."""
    for pattern in _FOLDERS:
        for folder in sorted(root.glob(pattern.lstrip("/"))):
            if any(folder.glob("mpi_*.so")):
                return folder
    raise LocalSiteError(f"cannot find Slurm's plugins ({', '.join(_FOLDERS)}): run `make setup`, or start the site without --mpi")


def offer(machine: Path, folder: Path, names: Sequence[str]) -> None:
    """Fill `folder` again with the machine's plugins, but only with the MPI plugins `names`. Raises LocalSiteError for a missing one."""
    _link_others(machine, folder)
    for name in (*names, *(name for name in _ALWAYS if (machine / f"mpi_{name}.so").exists())):
        _offer_one(machine, folder, name)


def offer_foreign(machine: Path, folder: Path, plugin: Path) -> None:
    """The same, with one MPI plugin that is not Slurm's own: `plugin`, a file `mpi_NAME.so`."""
    offer(machine, folder, ())
    (folder / plugin.name).symlink_to(plugin)


def _link_others(machine: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for plugin in machine.glob("*.so"):
        if not plugin.name.startswith("mpi_"):
            (folder / plugin.name).symlink_to(plugin)


def _offer_one(machine: Path, folder: Path, name: str) -> None:
    newest = _newest_pmix(machine)
    own = newest if name == _REHEARSED else name
    source, target = machine / f"mpi_{own}.so", folder / f"mpi_{name}.so"
    if own is None or not source.exists():
        known = {path.stem.removeprefix("mpi_") for path in machine.glob("mpi_*.so")} | ({_REHEARSED} if newest else set())
        raise LocalSiteError(f"this machine's Slurm has no MPI plugin '{name}': there are {', '.join(sorted(known))}")
    if own != name:
        target.write_bytes(renamed(source.read_bytes(), own, name))
    else:
        target.symlink_to(source)


def _newest_pmix(machine: Path) -> str | None:
    """Slurm's plugin for the newest PMIx that it was built with: pmix_v4 in Debian 12, pmix_v5 in Debian 13."""
    found = (re.fullmatch(r"mpi_(pmix_v(\d+))", path.stem) for path in machine.glob("mpi_pmix_v*.so"))
    return max(((int(match[2]), match[1]) for match in found if match), default=(0, None))[1]


def renamed(plugin: bytes, old: str, new: str) -> bytes:
    """The plugin under another name. Slurm reads the type inside the file, not the file's name."""
    before, after = f"mpi/{old}\0".encode(), f"mpi/{new}\0".encode()
    if plugin.count(before) != 1 or len(after) > len(before):
        raise LocalSiteError(f"Slurm's plugin '{old}' cannot be offered as '{new}' here")
    return plugin.replace(before, after.ljust(len(before), b"\0"))
