"""What a site says of itself, from recorded output."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.errands import probe
from esd_deploy.errands.probe import sections, understood

DATA = Path(__file__).parents[2] / "data"
TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def found():
    login, node = (sections((DATA / f"probe-{name}.txt").read_text()) for name in ("login", "node"))
    return understood(login, node, TIME)


def test_what_a_site_says_is_understood(found):
    assert (found.login_host, found.compute_host, found.cores, found.slurm) == ("login01", "jsfc001", 128, "23.02.7")
    assert found.mpi_plugins == ("pmi2", "pspmix", "pmix", "pmix_v4")
    assert (found.mpi_default, found.apptainer, found.user_namespaces) == ("pspmix", "1.3.2", True)
    assert found.modules == ("EBRAINS/24.10", "Apptainer-Tools/2024")
    assert found.partitions == {"batch": 86400, "develgpus": 7200, "all": None}
    assert (found.scratch, found.scratch_free, found.scratch_shared) == ("/p/scratch/brain", 5_000_000_000, True)


def test_the_processor_is_known_by_its_features(found):
    assert {"x86_64_v3", "zen"} <= set(found.targets)
    assert not {"x86_64_v4", "icelake", "skylake_avx512"} & set(found.targets)


def test_a_site_that_says_nothing_is_not_known():
    found = understood({}, {}, TIME)

    assert (found.targets, found.mpi_plugins, found.apptainer, found.user_namespaces, found.scratch_shared) == ((), (), None, None, None)


def test_programs_that_are_not_there_are_not_taken_for_an_answer():
    text = (
        "== mpi\ntimeout: failed to run command 'srun': No such file or directory\n== apptainer\ntimeout: failed to run command\n== free\n"
    )
    found = understood(sections(text), {}, TIME)

    assert (found.apptainer, found.scratch_free, found.mpi_plugins) == (None, None, ())


def test_a_site_that_agrees_needs_no_patch(config, found):
    fitting = config.model_copy(update={"mpi": "pspmix", "target": "zen", "modules": ("EBRAINS/24.10",)})

    assert probe.differences(fitting, found) == ()


def test_the_patch_names_each_key_that_is_otherwise(config, found):
    wrong = config.model_copy(update={"mpi": "pmix_v5", "target": "icelake", "modules": ("EBRAINS/25.04",), "partition": "no"})
    old = found.model_copy(update={"apptainer": "1.2.5", "scratch": None})

    assert {one.key for one in probe.differences(wrong, old)} == {"mpi", "target", "modules", "partition", "sharens", "scratch"}


def test_the_answer_is_kept_for_the_preflight(found, tmp_path):
    probe.save("jusuf", "https://a.example", found, folder=tmp_path)

    assert probe.known("jusuf", "https://a.example", folder=tmp_path) == found
    assert probe.known("other", "https://a.example", folder=tmp_path) is None


def test_another_server_behind_a_file_of_the_same_name_has_said_nothing_yet(found, tmp_path):
    probe.save("here", "https://a.example", found, folder=tmp_path)

    assert probe.known("here", "https://b.example", folder=tmp_path) is None


@pytest.mark.parametrize("partition", ["batch", "none-such"])
def test_a_partition_that_the_site_does_not_have_is_told_before_a_job_is_sent_there(config, monkeypatch, partition):
    asked = []

    def said(_connection, _config, place):
        asked.append(place)
        return (DATA / f"probe-{'login' if place == 'login' else 'node'}.txt").read_text()

    monkeypatch.setattr(probe, "_said", said)
    there = config.model_copy(update={"partition": partition})
    if partition == "batch":
        assert probe.ask(None, there).compute_host == "jsfc001"
        return
    with pytest.raises(UsageError, match=r"no partition 'none-such'.* batch, develgpus, all"):
        probe.ask(None, there)
    assert asked == ["login"]
