"""Where tokens come from, that a valid one is at hand during a long wait, and that none is seen."""

import sys
import types

import jwt
import pytest

from esd_build.data.errors import UsageError
from esd_deploy.sites import tokens
from esd_deploy.sites.endpoint import Credentials
from esd_deploy.sites.oidc import IssuerAwayError
from esd_deploy.sites.source import CredentialsSource
from esd_deploy.sites.tokens import Tokens


class Clock:
    """A clock that tests turn."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def token(end, word=""):
    return jwt.encode({"exp": end, "word": word}, "k" * 32)


@pytest.fixture
def clock():
    return Clock()


def test_a_token_is_renewed_before_it_ends_during_a_wait_of_a_day(clock):
    asked = []
    source = Tokens({"issuer": lambda: asked.append(1) or token(clock.now + 300, str(len(asked)))}, clock)

    for _ in range(24 * 60):
        assert tokens.expiry(source.bearer()) > clock.now + tokens.MARGIN_S - 60
        clock.now += 60

    assert 250 < len(asked) < 400


@pytest.mark.parametrize("life_s", [30, 60, 100])
def test_a_short_token_is_renewed_near_its_end_only_and_never_used_after_it(clock, life_s):
    asked = []
    source = Tokens({"issuer": lambda: asked.append(1) or token(clock.now + life_s, str(len(asked)))}, clock)

    for _ in range(600):
        assert tokens.expiry(source.bearer()) > clock.now
        clock.now += 1

    assert 600 / life_s <= len(asked) <= 600 / (life_s * 0.75) + 1


def test_while_the_issuer_is_away_a_token_serves_to_its_end(clock):
    there = [True]

    def ask():
        if not there[0]:
            raise IssuerAwayError("away")
        return token(clock.now + 100)

    source = Tokens({"issuer": ask}, clock)
    first, there[0] = source.bearer(), False
    clock.now += 99
    assert source.bearer() == first
    clock.now += 2
    with pytest.raises(IssuerAwayError):
        source.bearer()
    there[0] = True
    assert tokens.expiry(source.bearer()) == clock.now + 100


def test_what_was_given_once_is_not_renewed_and_a_login_is(tmp_path, clock):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("from-file")
    source = CredentialsSource(token_env="T", token_file=tmp_path / "token", jupyter=True)
    for found in (
        tokens.tokens(source, "s", environ={"T": "from-env"}),
        tokens.tokens(source, "s", environ={}),
        tokens.tokens(source, "s", given="x"),
    ):
        found.bearer()
        assert not found.renews
    login = Tokens({"login": lambda: token(clock.now + 30)}, clock)
    login.bearer()
    assert login.renews


def test_a_token_that_does_not_tell_its_end_is_asked_for_anew(clock):
    found = iter(["one", "two"])
    source = Tokens({"file": lambda: next(found)}, clock)

    first = (source.bearer(), source.bearer())
    clock.now += 301

    assert (first, source.bearer()) == (("one", "one"), "two")


def test_the_first_place_that_has_a_token_gives_it(clock):
    assert Tokens({"a": lambda: None, "b": lambda: "", "c": lambda: "found", "d": lambda: "other"}, clock).bearer() == "found"


def test_an_ended_token_does_not_hide_a_newer_one(clock):
    source = Tokens({"old": lambda: token(clock.now - 10, "old"), "new": lambda: token(clock.now + 600, "new")}, clock)

    assert tokens.expiry(source.bearer()) == clock.now + 600


def test_no_token_says_where_it_was_looked_for(clock):
    with pytest.raises(UsageError, match="no token; looked in: the moon; the sun"):
        Tokens({"the moon": lambda: None, "the sun": lambda: None}, clock).bearer()


def test_a_token_that_has_ended_is_said_to_have(clock):
    """With both times: the clock may be the one that is wrong."""
    with pytest.raises(UsageError, match=r"has expired \(at 13:46:39 UTC; it is 13:46:40 by this machine's clock\), and there is no newer"):
        Tokens({"file": lambda: token(clock.now - 1)}, clock).bearer()


def test_a_token_that_an_issuer_gave_just_now_is_used_whatever_this_clock_says(clock):
    """The clock is an hour ahead of the issuer's."""
    there, asked = [clock.now - 3600], []

    def issue():
        asked.append(1)
        return jwt.encode({"iat": there[0], "exp": there[0] + 300, "word": len(asked)}, "k" * 32)

    source = Tokens({"login": issue}, clock)
    for _ in range(600):
        assert tokens.expiry(source.bearer()) > there[0]
        clock.now, there[0] = clock.now + 1, there[0] + 1

    assert len(asked) <= 4
    assert source.lifetime_s() > 0
    with pytest.raises(UsageError, match="has expired"):
        Tokens({"login": issue}, clock, frozenset({"login"})).bearer()


def test_a_refused_token_is_renewed_only_if_there_is_another(clock):
    found = iter(["one", "one", "two"])
    source = Tokens({"file": lambda: next(found)}, clock)
    source.bearer()

    assert (source.renew(), source.renew(), source.bearer()) == (False, True, "two")


def test_no_token_is_printed(clock):
    source = Tokens({"file": lambda: "s3cret"}, clock)
    source.bearer()

    assert "s3cret" not in repr(source) + repr(Credentials(source.bearer(), tokens=source)) + str(source.places)


def test_the_places_of_a_site_in_their_order(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "token").chmod(0o600)
    source = CredentialsSource(token_env="T", token_file=tmp_path / "token", jupyter=True, oidc="https://iam.example.org/realms/x")

    assert tokens.tokens(source, "s", environ={"T": "from-env"}).bearer() == "from-env"
    assert tokens.tokens(source, "s", environ={}).bearer() == "from-file"
    assert tokens.tokens(source, "s", given="by-hand", environ={"T": "from-env"}).bearer() == "by-hand"


def test_jupyterlab_gives_the_users_token(monkeypatch):
    oauth = types.ModuleType("clb_nb_utils.oauth")
    oauth.get_token = lambda: "Bearer from-lab"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "clb_nb_utils", types.ModuleType("clb_nb_utils"))
    monkeypatch.setitem(sys.modules, "clb_nb_utils.oauth", oauth)

    assert tokens.jupyter() == "from-lab"


def test_outside_of_jupyterlab_there_is_none():
    assert tokens.jupyter() is None


def test_a_file_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "token").chmod(0o644)

    with pytest.raises(UsageError, match="chmod 600") as raised:
        tokens.secret_file(tmp_path / "token")

    assert "s3cret" not in str(raised.value)
