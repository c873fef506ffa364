"""The report at the end of a run: the table, and the reason for a failure."""

import re
from pathlib import Path

from rich.table import Table

from esd_build.data.paths import shown
from esd_deploy.plans.launch import clock
from esd_deploy.records.ending import POST_FAILED, advice
from esd_deploy.records.record import RunRecord
from esd_deploy.records.record_parts import PostRecord

_TAIL = 20
_LINE = 1000
"""Most characters of one line that are shown."""
_TAIL_BYTES = 64 * 1024
# Metrics that already have a row of their own.
_SAID = {"ranks", "threads"}
# The ending of a metric's name gives its unit.
_UNITS = {"_s": " s", "_ms": " ms", "_hz": " Hz"}


def rows(record: RunRecord) -> list[tuple[str, str]]:
    """The final table's rows. Unknown values are shown as unknown."""
    unknown = "unknown"
    hosts = f"{len(record.hosts)} ({', '.join(record.hosts)})" if record.hosts else unknown
    known: list[tuple[str, str]] = [
        ("site", record.site),
        *([("image", record.image.reference.partition("@")[0]), ("digest", record.image.digest)] if record.image else []),
        *((f"component {one.name}", f"{one.image.reference.partition('@')[0]}, {one.image.digest}") for one in record.components),
        ("status", record.state if record.exit_code is None else f"{record.status}, exit code {record.exit_code}"),
        *([("ended by", record.ending.kind)] if record.ending and record.ending.kind not in {"succeeded", "failed"} else []),
        *([("started again", f"{len(record.start_crashes)} x, after {record.start_crashes[-1].reason}")] if record.start_crashes else []),
        *([("not fetched", ", ".join(one.path for one in record.lost[:5]))] if record.lost else []),
        *([("left there", _left(record))] if len(record.missing) > len(record.lost) else []),
        *([("post-processing", _post(record.post))] if record.post else []),
        *([("restarted", f"{record.restarts} x by the batch system; these are the results of the last start")] if record.restarts else []),
        *(("warning", text) for text in record.warnings),
        ("nodes", hosts),
        ("MPI ranks", unknown if record.ranks is None else f"{record.ranks} x {record.threads_per_rank} threads"),
        ("NEST inside", record.versions.get("NEST", unknown)),
    ]
    return known + [_metric(name, value) for name, value in record.metrics.items() if name not in _SAID]


def _post(post: PostRecord) -> str:
    return f"{post.script}: did not run" if post.exit_code is None else f"{post.script}, exit code {post.exit_code}, on {post.host}"


def _left(record: RunRecord) -> str:
    """The entries that are not results: pipes, links that lead out of the folder."""
    left = [one for one in record.missing if not one.lost]
    more = f", {len(left) - 5} more" if len(left) > 5 else ""
    return ", ".join(f"{one.path} ({one.kind})" for one in left[:5]) + more


def table(record: RunRecord) -> Table:
    """The rows as a table for a terminal."""
    result = Table(title=f"run {record.id}: {record.script.name}", show_header=False, title_justify="left")
    result.add_column(no_wrap=True)
    result.add_column(overflow="fold")
    for name, value in rows(record):
        result.add_row(name, value)
    return result


def failure(record: RunRecord, folder: Path) -> str:
    """The message about a failed run: what the site says, how the run ended, then the reason from the run's files."""
    code = "no exit code" if record.exit_code is None else f"exit code {record.exit_code}"
    said = f"{record.status}, {code}" + (f": {record.message}" if record.message else "")
    why = reason(record, folder)
    return f"run {record.id} did not succeed ({said}); its files are in {shown(folder)}\n{_ending(record)}{why}{_absent(why)}"


def reason(record: RunRecord, folder: Path) -> str:
    """Why a run failed: the end of the job's or the pull's standard error, else the site's log.

    `failure.txt` serves sites that do not show a precommand's output.
    """
    if record.ending and record.ending.kind == POST_FAILED:
        return _tail(folder / "esd" / "post.stderr") or _tail(folder / "esd" / "post.stdout") or "the script printed nothing"
    for path in (folder / "stderr", folder / ".UNICORE_PRE_0" / "stderr", folder / "esd" / "failure.txt"):
        text = _tail(path)
        if text:
            return text
    return "\n".join(record.log[-_TAIL:]) or "the site gave no reason"


def _absent(said: str) -> str:
    """What to do if Python did not find a module."""
    found = re.findall(r"ModuleNotFoundError: No module named '([\w.]{1,100})'", said)
    name = found[-1].partition(".")[0] if found else ""
    own = f"send your own module with `--input {name}.py`; add a package that the image lacks with `--requirements FILE`"
    return f"\nPython found no module {name}: {own}" if name else ""


def _ending(record: RunRecord) -> str:
    if record.ending is None or record.ending.kind in {"failed", "unknown"}:
        return ""
    limit = f" of {clock(record.time_limit_s)}" if record.ending.kind == "time limit" else ""
    hint = advice(record.ending.kind)
    return f"how it ended: {record.ending.kind}{limit} ({record.ending.because})" + (f"; {hint}" if hint else "") + "\n"


def _tail(path: Path) -> str:
    """The last lines of a file of any length, and how much comes before them."""
    if not path.is_file() or path.is_symlink():
        return ""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    text = "\n".join(line[:_LINE] for line in lines[-_TAIL:])
    return f"(the last lines of {size / 1e6:,.0f} MB; {shown(path)} has the rest)\n{text}" if size > _TAIL_BYTES else text


def _metric(name: str, value: float) -> tuple[str, str]:
    number = f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.4g}"
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " "), number + unit
    return name.replace("_", " "), number
