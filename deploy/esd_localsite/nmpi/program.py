"""What a job of the queue runs: a shell script and a UNICORE job description around it. Pure."""

import re
import shlex
import sys
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from esd_localsite.nmpi.platforms import EMULATED, Platform
from esd_localsite.nmpi.records import DataItem, Request

WORK = "work"
"""Folder of the job's code and results, below the job's directory."""
HOME = "home"
STARTED = "started"
"""A file that marks the job's start: results are newer."""
SCRIPT = "queue.sh"
_ARCHIVE = "code.archive"
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DEFAULT_SCRIPT = "run.py"
_DEFAULT_COMMAND = f"{_DEFAULT_SCRIPT} {{system}}"
_LONGEST_H = 24
_EMULATED = "emulated"
_NOT_HERE = ("extra_pip_installs", "extra_git_repositories", "extra_makes", "spynnaker_version")

_UNPACK = """\
import sys, tarfile, zipfile
name = sys.argv[1]
if zipfile.is_zipfile(name):
    zipfile.ZipFile(name).extractall(".")
else:
    with tarfile.open(name) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(".", filter="data")
        else:
            for entry in archive:
                if not (entry.isfile() or entry.isdir()) or entry.name.startswith("/") or ".." in entry.name.split("/"):
                    sys.exit(f"the archive holds {entry.name!r}, which is not a plain file below it")
                archive.extract(entry, ".")
"""


class RequestError(Exception):
    """A request that no machine could run; the message is for the client. As in the service, such a job is accepted and fails."""


def command_words(command: str, platform: Platform) -> tuple[str, ...]:
    """The script and its arguments. Raises RequestError if the script is not part of the job's code."""
    try:
        words = tuple(word.replace("{system}", platform.system) for word in shlex.split(command))
    except ValueError as error:
        raise RequestError(f"command '{command}': {error}") from error
    if not words:
        raise RequestError("command names no script")
    script = PurePosixPath(words[0])
    if script.is_absolute() or ".." in script.parts or "\0" in command or "\n" in command:
        raise RequestError(f"command '{command}': the script must be part of the job's code")
    return words


def description(request: Request, platform: Platform, image: Path) -> dict[str, Any]:
    """The engine's job. Raises RequestError."""
    platform = _chosen(request, platform)
    words = command_words(request.command or _DEFAULT_COMMAND, platform)
    imports = [{"From": "inline://queue", "To": f"{HOME}/.spynnaker.cfg", "Data": platform.settings}, *_code(request, words[0])]
    imports += [_input(item) for item in request.input_data or ()]
    text = script(words, platform, image, hours=_hours(request), ignored=_ignored(request))
    return {
        "Name": "NMPI",
        "Job type": "ON_LOGIN_NODE",
        "Executable": f"bash {SCRIPT}",
        "Imports": [*imports, {"From": "inline://queue", "To": SCRIPT, "Data": text}],
    }


def refusal(reason: str) -> dict[str, Any]:
    """The engine's job for a request that cannot be run: it says why, and fails."""
    text = f"printf '%s\\n' {shlex.quote(f'local site: {reason}')}\nexit 1\n"
    job = {"Name": "NMPI", "Job type": "ON_LOGIN_NODE", "Executable": f"bash {SCRIPT}"}
    return {**job, "Imports": [{"From": "inline://queue", "To": SCRIPT, "Data": text}]}


def script(words: tuple[str, ...], platform: Platform, image: Path, *, hours: int, ignored: tuple[str, ...] = ()) -> str:
    """The shell script: unpacks the code if necessary, runs the command in the image, and prints the platform's note."""
    container = f'apptainer --silent exec --home "$own_home" --bind "$PWD" --pwd "$PWD" {shlex.quote(str(image))}'
    remarks = [f"local site: hardware_config.{name} makes no difference here" for name in ignored]
    return "\n".join(
        (
            "exec 2>&1",
            f'own_home="$PWD/{HOME}"',
            f"mkdir -p {WORK} {HOME} && cd {WORK} || exit 1",
            *(f"echo {shlex.quote(remark)}" for remark in remarks),
            f"if [ -e ../{_ARCHIVE} ]; then",
            f"  mv ../{_ARCHIVE} . && {container} python3 -c {shlex.quote(_UNPACK)} {_ARCHIVE} || exit 1",
            f"  rm {_ARCHIVE}",
            "fi",
            f"touch ../{STARTED}",
            *(_board() if platform.emulation else ()),
            f"timeout {hours}h {container} python3 {shlex.join(words)}",
            "code=$?",
            *(_BOARD_ENDS if platform.emulation else ()),
            *([f"echo {shlex.quote(platform.note)}"] if platform.note else []),
            '[ $code -ne 124 ] || echo "local site: the job reached its time limit"',
            "exit $code",
            "",
        )
    )


_BOARD_ENDS = ("kill $board; wait $board", "cat ../board.log")


def _board() -> tuple[str, ...]:
    """Start an emulated board outside the container, on the job's own loopback address, and name it in sPyNNaker's configuration."""
    return (
        f"{shlex.quote(sys.executable)} -m esd_localsite.spinnaker --board 3 --ready ../board.ip --report ../board.json &>../board.log &",
        "board=$!",
        "trap 'kill $board 2>/dev/null' EXIT",
        "for _ in $(seq 300); do [ ! -s ../board.ip ] && kill -0 $board 2>/dev/null || break; sleep 0.1; done",
        "[ -s ../board.ip ] || { cat ../board.log; echo 'local site: the emulated SpiNNaker board did not start'; exit 1; }",
        f"""printf 'machine_name = %s\\n' "$(cat ../board.ip)" >>../{HOME}/.spynnaker.cfg""",
    )


def _chosen(request: Request, platform: Platform) -> Platform:
    """The platform, or its emulation if the job asks for it."""
    wanted = (request.hardware_config or {}).get(_EMULATED, False)
    if not isinstance(wanted, bool):
        raise RequestError(f"hardware_config.{_EMULATED}: true or false")
    if wanted and platform.name != EMULATED.name:
        raise RequestError(f"hardware_config.{_EMULATED}: only the platform {EMULATED.name} has an emulation")
    return EMULATED if wanted else platform


def _code(request: Request, name: str) -> list[dict[str, Any]]:
    """The program's text, or the address of its archive."""
    code = request.code
    parts = urlsplit(code) if re.match(r"[a-z+]{2,10}://\S+$", code) else None
    if parts is None:
        target = name if name.endswith(".py") else _DEFAULT_SCRIPT
        return [{"From": "inline://queue", "To": f"{WORK}/{target}", "Data": code}]
    if parts.scheme in {"http", "https"} and parts.path.lower().endswith(_ARCHIVES):
        return [{"From": code, "To": _ARCHIVE}]
    raise RequestError(f"'{code}': only the text of a program, or the address of one of {' '.join(_ARCHIVES)}, can be run here")


def _input(item: DataItem) -> dict[str, Any]:
    url = item.url
    if not url.startswith("https://"):
        raise RequestError(f"input_data: '{url}' is not https://…")
    name = PurePosixPath(urlsplit(url).path).name
    if not name:
        raise RequestError(f"input_data: '{url}' names no file")
    return {"From": url, "To": f"{WORK}/{name}"}


def _hours(request: Request) -> int:
    hours = (request.hardware_config or {}).get("timeout", _LONGEST_H)
    if not isinstance(hours, int) or isinstance(hours, bool) or not 0 < hours <= _LONGEST_H:
        raise RequestError(f"hardware_config.timeout: whole hours, 1 to {_LONGEST_H}")
    return hours


def _ignored(request: Request) -> tuple[str, ...]:
    return tuple(name for name in _NOT_HERE if (request.hardware_config or {}).get(name))
