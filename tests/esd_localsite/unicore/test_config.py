import json

import pytest

from esd_localsite.description.config import EndpointConfig
from esd_localsite.errors import LocalSiteError
from esd_localsite.files.processes import Account
from esd_localsite.records.records import JobRecord
from esd_localsite.records.shelf import Shelf

FIELDS = {
    "site_name": "LOCAL",
    "port": 8080,
    "certificate": "/c",
    "private_key": "/k",
    "users_file": "/u",
    "state_dir": "/s",
    "uspace_dir": "/w",
    "slurm_conf": "/slurm.conf",
    "environment": {"SCRATCH": "/x"},
    "login_environment": {"SSL_CERT_FILE": "/ca"},
}


def read(tmp_path, fields):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(fields))
    return EndpointConfig.read(path)


def test_only_the_login_node_has_the_login_environment(tmp_path):
    config = read(tmp_path, FIELDS)
    assert config.site_url == "https://127.0.0.1:8080/LOCAL"
    assert config.batch_environment == {"SLURM_CONF": "/slurm.conf", "SCRATCH": "/x"}
    assert config.login_node_environment == {"SLURM_CONF": "/slurm.conf", "SCRATCH": "/x", "SSL_CERT_FILE": "/ca"}


def test_all_that_is_wrong_is_listed(tmp_path):
    with pytest.raises(LocalSiteError, match=r"config.json is not a configuration .*port: .*colour: Extra") as caught:
        read(tmp_path, {**FIELDS, "port": "8080", "colour": "blue"})
    assert "times" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LocalSiteError, match=r"missing\.json"):
        EndpointConfig.read(tmp_path / "missing.json")


def test_an_unknown_job_user_is_named():
    with pytest.raises(LocalSiteError, match="the account 'nobody-at-all'"):
        Account.of("nobody-at-all")


def test_a_damaged_job_record_is_not_passed_over(tmp_path):
    (tmp_path / "x.json").write_text("{")
    assert list(Shelf(tmp_path, JobRecord)) == []
    assert (tmp_path / "set-aside" / "x.json").exists()
