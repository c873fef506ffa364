import pytest
from tests.esd_deploy.conftest import DATA

from esd_build.data import documents
from esd_build.data.errors import ConfigError, UsageError
from esd_deploy.sites.catalogue import Catalogue, load_site
from esd_deploy.sites.config import Partition, SiteConfig

FAULTS = {
    "unknown-key": ["mpii: unknown key; did you mean 'mpi'?"],
    "unknown-key-in-limits": ["limits.time: unknown key; did you mean 'time_s'?", "limits.time_s: missing"],
    "url-without-tls": ["url: String should match pattern"],
    "two-credentials": ["credentials: Value error, give exactly one of", "found token_env, password_file"],
    "password-without-user": ["credentials: Value error, a password needs a username"],
    "no-registry": ["registry missing (or give status_file"],
    "status-file-and-url": ["status_file already gives url, registry, credentials"],
    "three-faults": ["kind: ", "binds.0: ", "limits.nodes: "],
    "duplicate-key": ["line 2, column 1"],
    "name-inside": ["name: given by the file's place"],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_its_file_and_key(fault):
    path = DATA / f"{fault}.yaml"

    with pytest.raises(ConfigError) as raised:
        documents.load(path, SiteConfig, name=fault)

    assert [part for part in (str(path), *FAULTS[fault]) if part not in str(raised.value)] == []


def test_every_faulty_file_is_tested():
    assert {path.stem for path in DATA.glob("*.yaml")} == {*FAULTS, "valid"}


def test_a_site_may_be_a_file_of_ones_own():
    config, path = load_site(str(DATA / "valid.yaml"))

    assert (config.name, path) == ("valid", DATA / "valid.yaml")


def test_an_unknown_site_offers_the_nearest(tmp_path):
    (tmp_path / "site-configs").mkdir()
    (tmp_path / "site-configs" / "jusuf.yaml").touch()

    with pytest.raises(UsageError, match=r"unknown site 'jusf'; did you mean 'jusuf'\?"):
        Catalogue.find(tmp_path).site("jusf")


def test_a_file_that_still_tells_the_memory_of_a_node_is_valid():
    assert Partition.model_validate({"cpus": 8, "memory_gb": 64}) == Partition(cpus=8)
