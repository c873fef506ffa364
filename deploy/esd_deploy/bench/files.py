"""The files of a series: series.json, bennch.csv, index.html; each is written whole or not at all."""

from pathlib import Path

from esd_build.data.errors import ToolError
from esd_build.data.whole import write_whole
from esd_deploy.bench import bennch
from esd_deploy.bench.report import FILE_NAME, Report


def write(found: Report, folder: Path) -> None:
    """Raises ToolError if the disk refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FILE_NAME, found.model_dump_json(indent=1) + "\n")
        write_whole(folder / "bennch.csv", bennch.table(found))
    except OSError as error:
        raise ToolError(f"cannot write the series to {folder}: {error.strerror}; choose another folder with --to") from error
