"""A new site's file: what the user said, what the site said, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.esd_deploy.commands.test_cli import call

from esd_build.data import documents
from esd_build.data.errors import ConfigError, ToolError
from esd_deploy.errands import draft, probe
from esd_deploy.errands.draft import Draft, Said
from esd_deploy.errands.probe import Probe
from esd_deploy.sites.config import Limits, SiteConfig
from esd_deploy.sites.source import CredentialsSource

FOUND = Probe(
    time=datetime(2026, 1, 1, tzinfo=UTC),
    mpi_plugins=("pmi2", "pmix", "pspmix"),
    mpi_default="pmi2",
    targets=("x86_64", "zen2"),
    partitions={"batch": 86400, "all": None},
    apptainer="1.2.5",
)
SAID = Said(
    description="ours",
    url="https://unicore.example.org/CC/rest/core",
    registry="registry.example.org",
    credentials=CredentialsSource(token_env="T"),
    limits=Limits(nodes=2, time_s=60),
)
WORDS = ("site", "init", "cc", "--url", SAID.url, "--registry", SAID.registry)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Where the file goes."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "esd-images" / "sites" / "cc.yaml"


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A site that answers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("esd_deploy.commands.sites.site_init.Site", FakeSite)
    monkeypatch.setattr(probe, "ask", lambda _connection, _config: FOUND)


class FakeSite:
    """`Site`, which is connected at once."""

    endpoint = SimpleNamespace(server="https://u.example.org")

    @classmethod
    def of(cls, _config):
        return cls()

    def connect(self):
        return None


def test_what_the_site_says_takes_the_place_of_guesses(tmp_path):
    config = draft.write(Draft(SAID, FOUND), tmp_path / "cc.yaml")

    assert (config.mpi, config.target, config.sharens) == ("pspmix", "zen2", False)
    assert (config.partitions["batch"].time_s, config.partitions["all"].time_s) == (86400, None)
    assert {key: (one.certainty, one.verify) for key, one in config.evidence.items()} == dict.fromkeys(
        ("mpi", "target", "partitions", "sharens"), ("site", False)
    )


def test_what_the_user_said_stays(tmp_path):
    config = draft.write(Draft(replace(SAID, mpi="pmix_v5"), FOUND), tmp_path / "cc.yaml")

    assert (config.mpi, "mpi" in config.evidence) == ("pmix_v5", False)


def test_a_site_that_was_not_asked_has_a_guess_that_is_verified_later(tmp_path):
    assert draft.write(Draft(SAID), tmp_path / "cc.yaml").evidence["mpi"].verify


def test_a_wrong_value_is_named_and_no_file_is_left(tmp_path):
    with pytest.raises(ConfigError, match="url"):
        draft.write(Draft(replace(SAID, url="http://insecure")), tmp_path / "cc.yaml")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_site_that_is_known_by_its_name(capsys, own, asked):
    code, out, err = call(capsys, *WORDS)

    assert (code, out.strip()) == (0, str(own))
    assert "validate --site cc" in err
    assert documents.load(own, SiteConfig, name="cc").mpi == "pspmix"
    assert call(capsys, "site", "cc", "--json")[0] == 0
    assert "is there already" in call(capsys, *WORDS)[2]
    assert call(capsys, *WORDS, "--force")[0] == 0


def test_a_site_that_does_not_answer_keeps_the_file(capsys, own, asked, monkeypatch):
    def lost(_connection, _config):
        raise ToolError("no answer")

    monkeypatch.setattr(probe, "ask", lost)

    code, _, err = call(capsys, *WORDS)

    assert (code, own.is_file()) == (4, True)
    assert "no answer" in err
    assert "`esd-deploy site probe cc`" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("site", "init", "cc", "--registry", "r.example.org"), "--url is missing, and there is no terminal"),
        (("site", "init", "../cc"), "use small letters, digits and -"),
        ((*WORDS, "--username", "me"), "a password needs both"),
        ((*WORDS, "--time", "soon"), "--time 'soon'"),
    ],
)
def test_what_is_missing_or_wrong_is_said(capsys, own, monkeypatch, words, said):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    code, _, err = call(capsys, *words)

    assert (code, own.exists()) == (3, False)
    assert said in err
