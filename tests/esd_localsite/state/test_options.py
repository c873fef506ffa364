from pathlib import Path

import pytest
from typer.testing import CliRunner

from esd_localsite import lifecycle
from esd_localsite.cluster.unicore_config import endpoint_config
from esd_localsite.commands import local
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import (
    Launcher,
    PartitionOption,
    Profile,
    Server,
    SiteOptions,
    Speed,
    UserOption,
    parse_partition,
    parse_source,
    parse_user,
)
from esd_localsite.state.plan import SitePlan


@pytest.mark.parametrize(("text", "expected"), [("batch", ("batch", 1440)), ("devel:30", ("devel", 30))])
def test_a_partition_as_it_is_typed(text, expected):
    option = parse_partition(text)
    assert (option.name, option.minutes) == expected


@pytest.mark.parametrize(("text", "nodes"), [("a", ("c1", "c2")), ("a@c2", ("c2",)), ("a:30@c1", ("c1",)), ("a@c2+c1", ("c2", "c1"))])
def test_a_partition_with_nodes_of_its_own(text, nodes):
    option = parse_partition(text)
    assert option.nodes == nodes
    options = SiteOptions(partitions=(option,))
    assert SiteOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize("text", ["a@c3", "a@c1+c1", "a@login"])
def test_nodes_that_a_site_does_not_have(text):
    with pytest.raises(LocalSiteError, match="has the nodes c1 and c2"):
        parse_partition(text)


@pytest.mark.parametrize("text", ["", "a b", "devel:", "devel:x", "1a", "a:b:c", "a@", "a@c1,c2", "a@c1:30"])
def test_what_is_no_partition(text):
    with pytest.raises(LocalSiteError, match="is not a partition"):
        parse_partition(text)


def test_a_user_and_the_file_of_the_password(tmp_path):
    (tmp_path / "password").write_text("x")
    assert parse_user("ada").password_file is None
    assert parse_user(f"ada={tmp_path}/password").password_file == tmp_path / "password"


@pytest.mark.parametrize("text", ["ada=secret", "Ada", "", "a/b"])
def test_a_user_whose_name_or_file_is_wrong(text):
    with pytest.raises(LocalSiteError):
        parse_user(text)


@pytest.mark.parametrize(
    "choices",
    [
        {"unicore_site": "a/b"},
        {"unicore_port": 0},
        {"mpi": ("../x",)},
        {"partitions": ()},
        {"partitions": (PartitionOption(name="a"), PartitionOption(name="a"))},
        {"colour": "blue"},
        {"tsi": Path("/tsi")},
        {"tsi": Path("/tsi"), "server": Server.UNICOREX, "profile": Profile.NOBATCH},
        {"server": Server.UNICOREX, "users": (UserOption(name="unicorex"),)},
        {"psmgmt": Path("/psmgmt")},
        {"psmgmt_hash": "0" * 64},
        {"launcher": Launcher.PARASTATION, "psmgmt_hash": "no hash"},
        {"launcher": Launcher.PARASTATION, "profile": Profile.NOBATCH},
        {"launcher": Launcher.PARASTATION, "mpi": ("pmix",)},
    ],
)
def test_sites_that_are_not_possible(choices):
    with pytest.raises(LocalSiteError, match="not possible"):
        SiteOptions.of(**choices)


def test_what_is_no_hash_is_told_by_the_options_name():
    with pytest.raises(LocalSiteError, match=r"not possible: --psmgmt-hash xyz: a hash has 64 digits"):
        SiteOptions.of(launcher=Launcher.PARASTATION, psmgmt_hash="xyz")


def test_where_the_tsi_is(tmp_path):
    assert parse_source("--tsi", tmp_path) == tmp_path
    with pytest.raises(LocalSiteError, match=r"--tsi .*: no such archive or folder"):
        parse_source("--tsi", tmp_path / "none")


def test_options_are_kept_in_the_plan(plan: SitePlan):
    options = SiteOptions(profile=Profile.SLURM, speed=Speed.CI, mpi=("pspmix",), token_seconds=5)
    kept = SitePlan.model_validate_json(plan.model_copy(update={"options": options}).model_dump_json())
    assert kept.options == options


def test_options_reach_the_endpoint(layout: Layout, plan: SitePlan):
    partitions = (PartitionOption(name="devel", minutes=30),)
    options = SiteOptions(unicore_site="DEMO-SITE", speed=Speed.REALISTIC, token_seconds=5, partitions=partitions, login_precommand=False)
    config = endpoint_config(layout, plan.model_copy(update={"options": options}))
    assert config.site_url == "https://127.0.0.1:20003/DEMO-SITE"
    assert (config.times.grace_seconds, config.times.oidc_access_seconds) == (120.0, 5)
    assert (config.partitions["devel"].max_runtime_s, config.login_precommand) == (1800, False)


def test_what_is_typed_becomes_options(monkeypatch):
    asked = {}

    def up(name, *, options, progress):
        asked.update(name=name, options=options)
        raise LocalSiteError("enough")

    monkeypatch.setattr(lifecycle, "up", up)
    words = "up --name beta --port 8080 --site-name DEMO --user ada --partition devel:30 --mpi pspmix --mpi pmi2 --ci-speed"
    CliRunner().invoke(local.app, words.split())
    options = asked["options"]
    assert (asked["name"], options.unicore_port, options.unicore_site, options.mpi) == ("beta", 8080, "DEMO", ("pspmix", "pmi2"))
    assert (options.users[0].name, options.partitions[0].name, options.speed) == ("ada", "devel", Speed.CI)
    CliRunner().invoke(local.app, ["up"])
    assert asked["options"] is None


def test_both_speeds_exclude_each_other():
    assert CliRunner().invoke(local.app, ["up", "--ci-speed", "--realistic"]).exit_code == 2
