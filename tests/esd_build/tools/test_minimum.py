"""Versions, and files that appear whole."""

import stat

import pytest

from esd_build.data.whole import write_whole
from esd_build.tools import minimum

TEXTS = {"apptainer version 1.4.5-1": "1.4.5", "singularity-ce version 4.1.0-focal": "4.1.0", "slurm 23.11.4": "23.11.4", "none": None}


@pytest.mark.parametrize("text", TEXTS)
def test_the_first_version_in_a_text_is_read(text):
    assert minimum.said(text) == TEXTS[text]


@pytest.mark.parametrize(("text", "older"), [("apptainer version 1.2.5", True), ("1.3.0", False), ("1.10.1", False), ("no version", False)])
def test_versions_compare_as_numbers_and_what_tells_none_is_not_older(text, older):
    assert minimum.older(text, minimum.APPTAINER) is older


def test_a_file_appears_whole_with_its_rights(tmp_path):
    write_whole(tmp_path / "new" / "secret.json", "{}", mode=0o600)

    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret.json"]
    assert stat.S_IMODE((tmp_path / "new" / "secret.json").stat().st_mode) == 0o600


def test_what_breaks_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "x").write_text("old")

    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "x", "\udcff")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x": "old"}
