"""The notebook in examples/ is executed from its first cell to its last, at a real site."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "one_script_any_site.ipynb"


def test_the_notebook_is_kept_without_output():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells

    assert [cell.get("execution_count") or cell.get("outputs") for cell in cells if cell.cell_type == "code"] == [[]] * 7


def test_what_it_imports_of_this_project_is_there():
    cells = (cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code")
    lines = [line for source in cells for line in source.splitlines() if line.startswith("from esd_")]
    assert len(lines) >= 7
    for line in lines:
        exec(line, {})


@pytest.mark.site
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries that run notebooks
def test_the_notebook_runs_to_its_end(running_site, published, deploy, tmp_path, monkeypatch):
    monkeypatch.setenv("ESD_SITE", str(deploy.site_file))
    monkeypatch.setenv("ESD_RUNS", str(tmp_path / "runs"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()

    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("<table>" in str(output.get("data", {}).get("text/html", "")) for output in shown)
