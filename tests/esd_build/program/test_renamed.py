from esd_build.data.paths import shown
from esd_build.program.renamed import formerly


def test_an_old_name_says_the_new_one_and_does_the_same(capsys):
    given = []

    formerly("esd-build attach", "esd-build add-document", given.append)("file")

    assert given == ["file"]
    assert capsys.readouterr().err == "`esd-build attach` is now `esd-build add-document`; the old name ends with the next release\n"


def test_paths_are_shown_from_where_the_user_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert [str(shown(path)) for path in (tmp_path / "a", tmp_path.parent / "b")] == ["a", str(tmp_path.parent / "b")]
