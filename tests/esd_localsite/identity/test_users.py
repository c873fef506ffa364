import base64
import json

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import Gate, Identity, Refusal, UserEntry, UsersFile, token_secret

SECRET = b"k" * 32
NOW = 1_000_000.0


class Clock:
    now = NOW

    def __call__(self):
        return self.now


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def users():
    return UsersFile({"esd": UserEntry.of("geheim", "esd")})


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(users, clock):
    return Gate(users, SECRET, issuer="https://h/S", session_seconds=60, clock=clock)


def test_a_right_password(gate):
    assert gate.identify(basic("esd:geheim"), None) == Identity("esd", "esd", "PASSWORD_FILE")


@pytest.mark.parametrize(
    "header", [basic("esd:falsch"), basic("root:geheim"), basic("esd"), "Basic ???", "Basic", "Digest x", "Bearer x", "Bearer "]
)
def test_wrong_credentials(gate, header):
    assert gate.identify(header, None) is Refusal.WRONG_CREDENTIALS


def test_nobody(gate):
    assert gate.identify(None, None) is None


def test_a_session_stands_for_the_user_until_it_expires(gate, clock):
    identity = gate.identify(basic("esd:geheim"), None)
    session = gate.open_session(identity)
    clock.now += 59
    assert gate.identify("Basic nonsense", session) == identity
    clock.now += 1
    assert gate.identify(basic("esd:geheim"), session) is Refusal.UNKNOWN_SESSION


def test_of_many_sessions_the_least_recently_used_gives_way(gate):
    identity = Identity("esd", "esd", "PASSWORD_FILE")
    sessions = [gate.open_session(identity) for _ in range(5)]
    assert gate.identify(None, sessions[0]) == identity
    gate.open_session(identity)
    assert gate.identify(None, sessions[0]) == identity
    assert gate.identify(None, sessions[1]) is Refusal.UNKNOWN_SESSION


def test_tokens_expire_and_are_bound_to_this_server(gate, users):
    identity = Identity("esd", "esd", "PASSWORD_FILE")
    live = Gate(users, SECRET, issuer="https://h/S", session_seconds=60)
    token = live.issue_token(identity, 60)
    assert live.identify(f"Bearer {token}", None) == Identity("esd", "esd", "ETD")
    assert live.identify(f"Bearer {gate.issue_token(identity, 60)}", None) is Refusal.WRONG_CREDENTIALS  # issued in 1970
    other = Gate(users, b"x" * 32, issuer="https://h/S", session_seconds=60)
    assert other.identify(f"Bearer {token}", None) is Refusal.WRONG_CREDENTIALS


def test_the_users_file_holds_no_password(tmp_path):
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"esd": UserEntry.of("geheim", "esd").model_dump()}))
    assert "geheim" not in path.read_text()
    assert UsersFile.read(path).root["esd"].accepts("geheim")


def test_a_broken_users_file_is_named_without_its_values(tmp_path):
    path = tmp_path / "users.json"
    path.write_text('{"esd": {"password": "geheim"}}')
    with pytest.raises(LocalSiteError, match=r"users\.json is not a users file") as caught:
        UsersFile.read(path)
    assert "geheim" not in str(caught.value)


def test_the_token_key_is_kept_and_private(tmp_path):
    key = token_secret(tmp_path / "key")
    assert token_secret(tmp_path / "key") == key
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
