import json

import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.sites.endpoint import resolve


@pytest.fixture
def local(config, tmp_path):
    """A local site's configuration and its status file."""
    config = config.model_copy(update={"status_file": tmp_path / "status.json", "url": None, "registry": None, "credentials": None})
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "password").chmod(0o600)
    status = {
        "name": "local",
        "state": "running",
        "unicore_url": "https://127.0.0.1:1/LOCAL/rest/core",
        "registry": "127.0.0.1:2",
        "username": "esd",
        "password_file": str(tmp_path / "password"),
        "ca_file": str(tmp_path / "ca.pem"),
        "nodes": ["c1", "c2"],
    }
    config.status_file.write_text(json.dumps(status))
    return config, status


def test_a_local_site_tells_its_endpoint(local):
    endpoint = resolve(local[0])

    assert (endpoint.url, endpoint.registry) == ("https://127.0.0.1:1/LOCAL/rest/core", "127.0.0.1:2")
    assert (endpoint.credentials.username, endpoint.credentials.secret) == ("esd", "s3cret")


def test_no_secret_is_printed(local):
    assert "s3cret" not in repr(resolve(local[0]))


@pytest.mark.parametrize("state", ["stopped", "crashed"])
def test_a_local_site_that_is_not_up_says_how_to_start_it(local, state):
    config, status = local
    config.status_file.write_text(json.dumps({**status, "state": state}))

    with pytest.raises(ToolError, match=r"not up.*esd-deploy local up"):
        resolve(config)


def test_a_local_site_that_never_was_up_says_how_to_start_it(local):
    local[0].status_file.unlink()

    with pytest.raises(ToolError, match=r"not up.*esd-deploy local up"):
        resolve(local[0])


def test_a_damaged_status_file_is_named(local):
    local[0].status_file.write_text("{")

    with pytest.raises(ToolError, match=r"status\.json is not a valid status file"):
        resolve(local[0])


def test_another_users_password_file_is_named(local, tmp_path):
    (tmp_path / "password").unlink()

    with pytest.raises(UsageError, match="password"):
        resolve(local[0])


def test_the_token_comes_from_the_environment(config):
    assert resolve(config, environ={"EXAMPLE_TOKEN": "t"}).credentials.secret == "t"


def test_a_token_given_by_hand_goes_first(config):
    assert resolve(config, token="mine", environ={}).credentials.secret == "mine"


def test_a_missing_token_names_the_variable(config):
    with pytest.raises(UsageError, match="EXAMPLE_TOKEN, which is not set"):
        resolve(config, environ={})
