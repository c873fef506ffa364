"""The files of a series: series.json, bennch.csv, index.html; each is written whole or not at all."""

from pathlib import Path

from esd_build.data.errors import ToolError
from esd_build.data.whole import write_whole
from esd_deploy.bench.reports import bennch
from esd_deploy.bench.reports.page import page
from esd_deploy.bench.reports.report import FILE_NAME, Report

BENCH = Path("bench")
"""Where series are kept, one folder each, unless the user says otherwise."""
PAGE = "index.html"


def write(found: Report, folder: Path, *, whole: bool = True) -> None:
    """Also the page, if the series is `whole`: its figures take a second. Raises ToolError if the disk refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FILE_NAME, found.model_dump_json(indent=1) + "\n")
        write_whole(folder / "bennch.csv", bennch.table(found))
        if whole:
            write_whole(folder / PAGE, page(found))
    except OSError as error:
        raise ToolError(f"cannot write the series to {folder}: {error.strerror}; choose another folder with --to") from error
