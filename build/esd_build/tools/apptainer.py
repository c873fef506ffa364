"""Apptainer, through spython: the only module that knows its commands, messages and errors."""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spython.main.base import Client as SpythonClient
from spython.main.build import build as spython_build

from esd_build.data.errors import ToolError, UsageError
from esd_build.tools import minimum, sif
from esd_build.tools.handover import PLACE, reachable
from esd_build.tools.packing import Packing
from esd_build.tools.process import Account, Finished, run

# What Apptainer says, and what a person can do about it.
_ADVICE = (
    (re.compile(r"no space left on device", re.IGNORECASE), "the disk is full: make room, or set ESD_IMAGES_CACHE to a larger disk"),
    (
        re.compile(r"user namespace|newuidmap|subuid|setgroups", re.IGNORECASE),
        "rootless builds need user namespaces and a subuid range: `make setup`",
    ),
    (re.compile(r"/dev/fuse", re.IGNORECASE), "/dev/fuse is not usable by this user: `make setup`"),
    (re.compile(r"Unable to locate package|Failed to fetch|Could not resolve", re.IGNORECASE), "the Debian mirror could not be reached"),
)


class _Client(SpythonClient):  # type: ignore[misc]
    """spython composes the command; who runs it, under which name, and where its output goes is decided here."""

    build = spython_build

    def __init__(self, execute: Callable[[Sequence[str]], Finished]) -> None:
        super().__init__()
        self.quiet = False
        self._execute = execute
        self.finished: Finished | None = None

    def _init_command(self, action: str | list[str], flags: list[str] | None = None) -> list[str]:
        actions = action if isinstance(action, list) else [action]
        return ["apptainer", *(flags or []), *actions]

    def _run_command(self, cmd: Sequence[str], **_options: Any) -> None:
        self.finished = self._execute(tuple(cmd))


@dataclass(frozen=True)
class Order:
    """What to build: a definition in the folder `context`, which relative paths start from.

    `argument_file` (a name in that folder) gives the definition's arguments; `bind` is a `host:container` folder for `%post`;
    `name` becomes the image's identifier.
    """

    name: str

    definition: str
    context: Path
    argument_file: str
    bind: str | None
    packing: Packing


@dataclass(frozen=True)
class Apptainer:
    """Apptainer as one account uses it."""

    account: Account
    temporary: Path

    def version(self) -> str:
        """Its version. Raises ToolError if there is none, or one that is too old."""
        if shutil.which("apptainer") is None:
            raise ToolError("apptainer is not installed; on Debian, install it with `make setup`; on a cluster, load its module")
        finished = run(("apptainer", "--version"), account=self.account)
        found = minimum.said(finished.text)
        if finished.returncode != 0 or found is None:
            raise ToolError(f"apptainer does not start:\n{finished.text}")
        if minimum.older(found, minimum.APPTAINER):
            raise ToolError(f"apptainer {found} is too old (no --sharens); {minimum.APPTAINER} or newer is needed")
        return found

    def require_namespaces(self) -> None:
        """Raises ToolError if this account cannot make a user namespace, which every rootless build needs."""
        if run(("unshare", "--user", "--map-root-user", "true"), account=self.account).returncode != 0:
            raise ToolError(
                f"user '{self.account.name}' cannot make user namespaces, which rootless builds need; "
                "an administrator allows it with: sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
            )

    def build(self, order: Order, image: Path, on_line: Callable[[str], None]) -> None:
        """Build an image. Raises ToolError with the log's end."""
        options = ["--build-arg-file", order.argument_file, "--mksquashfs-args", order.packing.arguments]
        options += ["--bind", order.bind] if order.bind else []
        environment = {**self._environment(), "SOURCE_DATE_EPOCH": str(order.packing.epoch)}
        client = _Client(lambda argv: run(argv, account=self.account, environment=environment, cwd=order.context, on_line=on_line))
        client.build(recipe=order.definition, image=str(image), sudo=False, force=True, quiet=True, options=options)
        finished = client.finished
        if finished is None or finished.returncode != 0:
            raise ToolError(_explain(f"building {image.name} from {order.definition} failed", finished.tail if finished else ()))
        sif.normalise(image, epoch=order.packing.epoch, name=order.name)

    def is_whole(self, image: Path) -> bool:
        """Whether a file is an image that was not cut off."""
        try:
            return sif.root_file_system(image).size > 0
        except (UsageError, OSError):
            return False

    def execute(
        self, image: Path, command: Sequence[str], *, binds: Mapping[Path, str] | None = None, variables: Mapping[str, str] | None = None
    ) -> Finished:
        """Run a command in an image, with nothing of the host's environment and no home folder.

        `binds`: folders of this machine → their place inside (with `:ro` where they are not to be changed); `variables` are set inside.
        """
        binds = binds or {}
        with reachable(self.account, (image, *binds), self._handing_over) as (file, *folders):
            options = [f"--bind={folder}:{place}" for folder, place in zip(folders, binds.values(), strict=True)]
            options += [f"--env={name}={value}" for name, value in (variables or {}).items()]
            argv = ("apptainer", "--silent", "exec", "--cleanenv", "--no-home", "--pwd", "/", *options, str(file), *command)
            return run(argv, account=self.account, environment=self._environment())

    def labels(self, image: Path) -> dict[str, str]:
        """The labels of an image. Raises ToolError if the file is not an image."""
        with reachable(self.account, (image,), self._handing_over) as (file,):
            finished = run(("apptainer", "--silent", "inspect", "--json", "--labels", str(file)), account=self.account)
        try:
            labels = json.loads(finished.text)["data"]["attributes"]["labels"] or {}
            return {str(name): str(value) for name, value in labels.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ToolError(f"{image} is not a readable image: {finished.text}") from error

    @property
    def _handing_over(self) -> Path:
        """Where files are put that this account cannot read: its own disk space, where it is there."""
        return self.temporary if self.temporary.is_dir() else PLACE

    def _environment(self) -> dict[str, str]:
        """Temporary files on the cache's disk instead of /tmp, and a PATH in which Debian's debootstrap is."""
        return {
            "APPTAINER_TMPDIR": str(self.temporary),
            "APPTAINER_CACHEDIR": str(self.temporary / "apptainer-cache"),
            "PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin",
        }


def _explain(what: str, lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    advice = [advice for pattern, advice in _ADVICE if pattern.search(text)]
    tail = "\n".join(f"  {line}" for line in lines[-15:])
    return f"{what}:\n{tail}" + "".join(f"\n→ {line}" for line in advice)
