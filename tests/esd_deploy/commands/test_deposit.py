"""`export --oci` and `rerun --from` as they are typed."""

import pytest
from tests.esd_deploy.commands.test_cli import call
from tests.esd_deploy.commands.test_sweeps import DONE, place  # noqa: F401 - a fixture
from tests.esd_deploy.studies.test_deposit import ended, layout, registry  # noqa: F401 - fixtures

from esd_deploy.records import record
from esd_deploy.studies import deposit


@pytest.fixture
def sent(monkeypatch):
    """What was sent to the site's cache, instead of sending it."""
    found = []
    monkeypatch.setattr("esd_deploy.errands.deposited_image.ensured", lambda *given: found.append(given[2:4]))
    return found


def test_a_deposited_run_is_repeated_at_the_site_that_the_user_names(capsys, place, connection, layout, sent, tmp_path):  # noqa: F811
    connection.states = [DONE]

    code, out, _ = call(capsys, "rerun", "--from", layout, "--site", "valid", "--output", tmp_path / "again", "--json", "--force")

    [known] = record.known(tmp_path / "again")
    again = record.load(tmp_path / "again", known)
    assert (code, again.rerun_of, again.script.arguments) == (0, "run-1", ("--scale", "1"))
    assert again.image.digest == deposit.read(layout).image.reference.digest
    assert [(image.reference.digest, sif.size) for image, sif in sent] == [(again.image.digest, 126)]
    assert set(connection.uploaded) >= {"net.py", "data/rates.csv"}
    assert known in out


def test_a_dry_run_sends_nothing(capsys, place, connection, layout, sent, tmp_path):  # noqa: F811
    code, out, _ = call(capsys, "rerun", "--from", layout, "--site", "valid", "--output", tmp_path / "again", "--dry-run", "--force")

    assert (code, sent, connection.jobs) == (0, [], [])
    assert "srun" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name the site with --site"),
        (("--site", "valid", "--require-signature"), "signatures are in the image's registry"),
        (("--site", "valid", "--tag", "x"), "give no id and no --tag"),
    ],
)
def test_what_does_not_go_together_is_refused(capsys, place, layout, tmp_path, options, said):  # noqa: F811
    code, _, err = call(capsys, "rerun", "--from", layout, *options, "--output", tmp_path / "again")

    assert code == 3
    assert said in err


def test_export_writes_the_layout_and_takes_authors(capsys, place, ended, registry, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr("esd_deploy.commands.results.export._registry", lambda _known: registry)
    target = tmp_path / "x.oci"

    code, out, _ = call(
        capsys, "export", "run-1", "--output", tmp_path / "runs", "--oci", "--to", target, "--author", "Ada Lovelace", "--license", "MIT"
    )

    assert (code, out.strip().endswith("x.oci")) == (0, True)
    assert deposit.read(target).record.id == "run-1"
    assert call(capsys, "export", "run-1", "--output", tmp_path / "runs", "--author", "<>")[0] == 3
