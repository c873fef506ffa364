"""Logging in: where an account comes from, what is done with it, and what is said where it does not help."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.esd_build.registry.harbor import ACCOUNT, SECRET, Harbor
from tests.esd_build.registry.proxy import Fault, FaultProxy
from tests.esd_build.registry.servers import Place, RegistryServer

from esd_build.data.errors import UsageError
from esd_build.registry import Credentials, Registry

HOST = "host.eu"


def login_file(folder: Path, content: object, mode: int = 0o600) -> Path:
    path = folder / "login.json"
    path.write_text(json.dumps(content))
    path.chmod(mode)
    return path


def test_robot_account_as_harbor_exports_it(tmp_path: Path) -> None:
    exported = {"creation_time": "2026-01-01", "expires_at": -1, "id": 3, "name": ACCOUNT, "secret": SECRET}
    found = Credentials.find(HOST, {"ESD_REGISTRY_LOGIN": str(login_file(tmp_path, exported)), "ESD_REGISTRY": f"{HOST}/esd"})
    assert found is not None
    assert (found.username, found.password) == (ACCOUNT, SECRET)
    assert SECRET not in repr(found)


def test_account_is_for_the_registry_that_was_named_and_for_no_other(tmp_path: Path) -> None:
    file = str(login_file(tmp_path, {"username": "me", "password": "secret"}))
    for environment in ({"ESD_REGISTRY_LOGIN": file}, {"ESD_REGISTRY_USER": "me", "ESD_REGISTRY_PASSWORD": "secret"}):
        assert Credentials.find("evil.example", {**environment, "ESD_REGISTRY": f"{HOST}/esd"}) is None
        assert Credentials.find(HOST, environment) is None
        assert Credentials.find(HOST, environment, named=True) is not None


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ({"username": "me", "password": "secret"}, 0o644, "that others can read; `chmod 600"),
        ({"username": "me"}, 0o600, "is not an account; expected Harbor's robot account file"),
        ({"username": "me", "password": ""}, 0o600, "is not an account"),
        (["me", "secret"], 0o600, "is not an account"),
        ({"name": ACCOUNT, "secret": SECRET, "expires_at": 1700000000}, 0o600, r"account 'robot\$esd\+ci' expired on 2023-11-14; renew it"),
    ],
)
def test_bad_login_file_says_what_is_wrong_but_not_the_secret(tmp_path: Path, content: object, mode: int, words: str) -> None:
    file = login_file(tmp_path, content, mode)
    with pytest.raises(UsageError, match=words) as error:
        Credentials.find(HOST, {"ESD_REGISTRY_LOGIN": str(file)}, named=True)
    assert "secret" not in str(error.value).replace('secret": …', "")


def test_missing_login_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json \(\$ESD_REGISTRY_LOGIN\): No such file"):
        Credentials.find(HOST, {"ESD_REGISTRY_LOGIN": str(tmp_path / "none.json")}, named=True)


def test_account_of_docker_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home" / ".docker"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"auths": {"host.eu": {"auth": "bWU6c2U6Y3JldA=="}}}')
    found = Credentials.find(HOST, {})
    assert found is not None
    assert (found.username, found.password) == ("me", "se:cret")
    assert Credentials.find("other.eu", {}) is None
    (folder / "config.json").write_text("{not json")
    with pytest.raises(UsageError, match=r"Docker's configuration .* it is not JSON"):
        Credentials.find(HOST, {})


def test_a_docker_configuration_without_accounts_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text('{"auths": null, "credHelpers": null}')

    assert Credentials.find(HOST, {}) is None


def opened(harbor: FaultProxy, server: RegistryServer, folder: Path, username: str = ACCOUNT, password: str = SECRET) -> Registry:
    return Registry(harbor.host, ca_file=server.tls.ca_file, credentials=Credentials(username, password, "the test"), unfinished=folder)


@pytest.mark.integration
def test_robot_account_gets_a_token_and_pushes(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    harbor = start(Harbor(server))
    place = Place(harbor.host, server.tls.ca_file, tmp_path)
    pushed = opened(harbor, server, tmp_path).push(sif, place.reference("robot"), {})
    assert pushed.size == sif.stat().st_size
    assert isinstance(harbor, Harbor)
    assert harbor.given == 2  # one to read, one to write: Harbor gives no more than was asked for
    assert all(SECRET not in str(seen.headers) for seen in harbor.seen if seen.path.startswith("/v2/"))


@pytest.mark.integration
def test_token_that_expires_during_a_push_is_renewed(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    harbor = Harbor(server)
    start(harbor)
    place = Place(harbor.host, server.tls.ca_file, tmp_path)
    # The registry takes back the token in the middle, without having said so before; it then asks for Basic, as Harbor does.
    harbor.faults.append(Fault("PATCH", skip=1, before=harbor.tokens.clear))
    harbor.faults.append(Fault("PATCH", skip=2, before=harbor.tokens.clear))
    assert opened(harbor, server, tmp_path).push(sif, place.reference("expires"), {}).size == sif.stat().st_size
    assert harbor.given == 2 + 2
    basic = [seen for seen in harbor.seen if seen.path.startswith("/v2/") and seen.headers.get("Authorization", "").startswith("Basic")]
    assert basic == []


@pytest.mark.integration
def test_token_near_its_end_is_renewed_before_it_is_refused(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    harbor = Harbor(server, token_life_s=1800)
    start(harbor)
    registry = opened(harbor, server, tmp_path)
    now = [0.0]
    registry.connection.login._clock = lambda: now[0]
    harbor.faults.append(Fault("PATCH", skip=1, before=lambda: now.append(now.pop() + 1700)))
    place = Place(harbor.host, server.tls.ca_file, tmp_path)
    registry.push(sif, place.reference("renewed"), {})
    assert harbor.given == 2 + 1
    assert [seen.status for seen in harbor.seen if seen.path.startswith("/v2/")].count(
        401
    ) == 2  # nothing sent at first, then a token to read with


@pytest.mark.integration
@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        (ACCOUNT, "wrong", r"refuses the account 'robot\$esd\+ci' .*wrong, expired, .*; it came from the test"),
        ("nobody", SECRET, "refuses the account 'nobody'"),
    ],
)
def test_wrong_credentials_are_said_once_and_nothing_is_sent(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path, username: str, password: str, words: str
) -> None:
    harbor = start(Harbor(server))
    place = Place(harbor.host, server.tls.ca_file, tmp_path)
    with pytest.raises(UsageError, match=words) as error:
        opened(harbor, server, tmp_path, username, password).push(sif, place.reference("wrong"), {})
    assert f"'{password}'" not in str(error.value)
    assert harbor.received == 0


@pytest.mark.integration
def test_anonymous_push_to_a_registry_that_wants_a_login_says_how(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    harbor = start(Harbor(server))
    place = Place(harbor.host, server.tls.ca_file, tmp_path)
    with pytest.raises(UsageError, match=r"wants a login for this .*\$ESD_REGISTRY_LOGIN .*docker login"):
        place.registry.push(sif, place.reference("anonymous"), {})


@pytest.mark.integration
def test_public_image_is_pulled_without_an_account_and_not_pushed(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    harbor = Harbor(server)
    start(harbor)
    place = Place(harbor.host, server.tls.ca_file, tmp_path)
    pushed = opened(harbor, server, tmp_path).push(sif, place.reference("public"), {})
    harbor.public = True
    assert place.registry.pull(pushed, tmp_path / "pulled.sif").read_bytes() == sif.read_bytes()
    sif.write_bytes(b"another")
    with pytest.raises(UsageError, match=r"wants a login for this \(UNAUTHORIZED"):
        place.registry.push(sif, place.reference("public"), {})


@pytest.mark.integration
def test_basic_challenge_is_answered(through: Place, proxy: FaultProxy, server: RegistryServer, sif: Path, tmp_path: Path) -> None:
    proxy.faults.append(Fault("GET", status=401, headers={"Www-Authenticate": 'Basic realm="Registry Realm"'}))
    opened(proxy, server, tmp_path).push(sif, through.reference("basic"), {})
    assert all(seen.headers["Authorization"].startswith("Basic ") for seen in proxy.seen[1:])


@pytest.mark.integration
def test_login_is_not_sent_where_there_is_no_tls(
    through: Place, proxy: FaultProxy, server: RegistryServer, sif: Path, tmp_path: Path
) -> None:
    challenge = 'Bearer realm="http://elsewhere.example/token",service="x"'
    proxy.faults.append(Fault("GET", status=401, headers={"Www-Authenticate": challenge}))
    with pytest.raises(Exception, match=r"asks for the login at 'http://elsewhere\.example/token', which is not https; nothing was sent"):
        opened(proxy, server, tmp_path).push(sif, through.reference("plain"), {})


@pytest.mark.integration
def test_login_of_netrc_is_not_used(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    through.registry.push(sif, through.reference("netrc"), {})
    assert all("Authorization" not in seen.headers for seen in proxy.seen)
