"""One word chooses how a run becomes a job: the site's kind."""

import pytest

from esd_build.data import documents
from esd_build.data.errors import ConfigError
from esd_deploy.backends import kinds
from esd_deploy.sites.config import SiteConfig

UNICORE = """kind: unicore
description: x
unicore_registry: https://u.example.org/HBP/rest/registries/default_registry
unicore_site: X
registry: r.example.org
credentials: {jupyter: true}
mpi: pmix
limits: {nodes: 1, time_s: 60}
"""
QUEUE = """kind: nmpi
description: x
queue_url: https://q.example.org
credentials: {token_env: T}
nmpi: {platform: SpiNNaker}
limits: {nodes: 1, time_s: 60}
"""


def load(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    return documents.load(tmp_path / "x.yaml", SiteConfig, name="x")


def test_both_kinds_are_valid_and_have_a_backend(tmp_path):
    for text in (UNICORE, QUEUE):
        found = kinds.backend(load(tmp_path, text).kind)
        assert all(hasattr(found, name) for name in ("connect", "run_job"))


def test_each_backend_tells_its_neuromorphic_hardware(tmp_path):
    told = []
    for text in (UNICORE, QUEUE):
        site = load(tmp_path, text)
        told.append(kinds.backend(site.kind).neuromorphic_platform(site))

    assert told == [None, "SpiNNaker"]


def test_an_unknown_kind_is_named():
    with pytest.raises(ConfigError, match="kind 'slurm' cannot be used"):
        kinds.backend("slurm")


FAULTS = [
    (UNICORE.replace("mpi: pmix\n", ""), "mpi: missing"),
    (UNICORE.replace("unicore_site: X\n", ""), "unicore_site missing"),
    (UNICORE + "url: https://u.example.org/X/rest/core\n", "give either url"),
    (UNICORE + "nmpi: {platform: SpiNNaker}\n", "nmpi is for kind: nmpi"),
    (QUEUE.replace("nmpi: {platform: SpiNNaker}\n", ""), "nmpi missing"),
    (QUEUE.replace("queue_url: https://q.example.org\n", ""), "queue_url missing"),
    (UNICORE + "partition: a\npartitions: {b: {}}\n", "partition 'a' is not among partitions"),
    (UNICORE + "evidence: {colour: {certainty: guess}}\n", "evidence for unknown settings: colour"),
    (UNICORE.replace("{jupyter: true}", "{}"), "found none"),
    (UNICORE.replace("{jupyter: true}", "{oidc: 'http://i.example.org'}"), "credentials.oidc"),
    (UNICORE + "binds: ['$(id)']\n", "binds.0"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_each_fault_of_the_newer_keys_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)

    assert message in str(raised.value)
