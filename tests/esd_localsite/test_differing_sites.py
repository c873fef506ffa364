"""What makes one site differ from another: MPI plugins, accounts, modules."""

import os
import pwd
from pathlib import Path

import pytest

from esd_localsite.cluster import module_install, mpi_plugins
from esd_localsite.cluster.module_install import launcher, plan_module
from esd_localsite.cluster.modules import module_file, shell_start
from esd_localsite.cluster.site_accounts import assign, is_taken, known_accounts, merged
from esd_localsite.errors import LocalSiteError


@pytest.fixture
def machine(tmp_path):
    """A machine's folder of Slurm plugins."""
    folder = tmp_path / "usr/lib/arch/slurm-wlm"
    folder.mkdir(parents=True)
    for name in ("auth_munge", "mpi_none", "mpi_pmi2", "mpi_cray_shasta"):
        (folder / f"{name}.so").write_bytes(b"x")
    (folder / "mpi_pmix_v4.so").write_bytes(b"before mpi/pmix_v4\0 after")
    (folder / "mpi_pmix.so").symlink_to("mpi_pmix_v4.so")
    return folder


def test_the_plugins_are_found(machine, tmp_path):
    assert mpi_plugins.slurm_plugins(tmp_path) == machine
    with pytest.raises(LocalSiteError, match="cannot find Slurm's plugins"):
        mpi_plugins.slurm_plugins(tmp_path / "usr")


def test_only_the_chosen_mpi_plugins_are_offered(machine, tmp_path):
    for names in (("pmi2",), ("pspmix",)):  # a second start cleans up behind the first
        mpi_plugins.offer(machine, tmp_path / "plugins", names)
    assert {path.name for path in (tmp_path / "plugins").iterdir()} == {"auth_munge.so", "mpi_none.so", "mpi_pspmix.so"}
    assert (tmp_path / "plugins" / "mpi_pspmix.so").read_bytes() == b"before mpi/pspmix\0\0 after"


def test_the_newest_pmix_of_this_slurm_is_rehearsed_as_another(machine, tmp_path):
    (machine / "mpi_pmix_v10.so").write_bytes(b"before mpi/pmix_v10\0 after")
    mpi_plugins.offer(machine, tmp_path / "plugins", ("pspmix",))
    assert (tmp_path / "plugins" / "mpi_pspmix.so").read_bytes() == b"before mpi/pspmix\0\0\0 after"


def test_without_pmix_nothing_is_rehearsed(machine, tmp_path):
    for file in machine.glob("mpi_pmix*"):
        file.unlink()
    with pytest.raises(LocalSiteError, match=r"no MPI plugin 'pspmix': there are cray_shasta, none, pmi2$"):
        mpi_plugins.offer(machine, tmp_path / "plugins", ("pspmix",))


def test_a_plugin_that_is_not_there_is_named(machine, tmp_path):
    with pytest.raises(LocalSiteError, match="no MPI plugin 'pmix_v5': there are cray_shasta, none, pmi2, pmix, pmix_v4, pspmix"):
        mpi_plugins.offer(machine, tmp_path / "plugins", ("pmix_v5",))


def test_accounts_get_numbers_that_are_free():
    found = assign(["ada", "bob"], Path("/homes"), {}, lambda uid: uid == 61000)
    assert [account.passwd_line for account in found] == [
        "ada:x:61001:61001:local site:/homes/ada:/bin/bash",
        "bob:x:61002:61002:local site:/homes/bob:/bin/bash",
    ]
    with pytest.raises(LocalSiteError, match="no free user ids"):
        assign(["ada"], Path("/homes"), {}, lambda uid: True)


def test_a_number_stays_with_its_name_also_when_its_user_has_gone(tmp_path):
    (tmp_path / "ada").mkdir()
    known = known_accounts(tmp_path)
    assert known == {"ada": os.geteuid()}
    numbers = {account.name: account.uid for account in assign(["bob", "ada"], tmp_path, {"ada": 61000}, lambda uid: False)}
    assert numbers == {"ada": 61000, "bob": 61001}


def test_the_machines_accounts_stay_but_for_a_name_that_is_the_sites():
    assert merged("root:x:0:0\nada:x:1000:1000\n", ["ada:x:61000:61000"]) == "root:x:0:0\nada:x:61000:61000\n"


def test_numbers_of_this_machine_are_taken():
    assert is_taken(pwd.getpwall()[0].pw_uid)


def test_module_is_itself_when_it_is_first_called():
    text = shell_start(Path("/site/module files"))
    assert "MODULEPATH='/site/module files'" in text
    assert ". /usr/share/modules/init/bash" in text


def test_a_module_file():
    lines = module_file("ESD/24.10", "what it is", Path("/site/ESD/24.10"), {"neo": "0.13.3"}).splitlines()
    assert lines[0] == "#%Module1.0"
    assert "    puts stderr {neo 0.13.3}" in lines
    assert lines[-3:] == ["conflict ESD", "prepend-path PATH {/site/ESD/24.10/bin}", "setenv ESD_RELEASE {24.10}"]


def test_a_modules_python_is_the_images_with_other_packages_first():
    assert launcher("python3", Path("/s/ESD/24.10"), Path("/s/scratch")).splitlines()[-3:] == [
        "PYTHONPATH=/s/ESD/24.10/site-packages${PYTHONPATH:+:$PYTHONPATH}",
        "export PYTHONPATH",
        'exec apptainer --silent exec --bind /tmp --bind /s/ESD/24.10 --bind /s/scratch /s/ESD/24.10/image.sif python3 "$@"',
    ]


def test_every_set_pins_all_its_packages():
    sets = module_install.known_sets()
    assert {"23.02", "24.10", "25.04"} <= set(sets)
    assert all("==" in package for found in sets.values() for package in found.packages)


@pytest.mark.parametrize("name", ["ESD", "ESD/", "../x/y", "ESD/24.10/x", "E SD/1"])
def test_what_is_no_module(name, tmp_path):
    with pytest.raises(LocalSiteError, match="is not a module name"):
        plan_module(name, tmp_path, ())


def test_what_a_module_needs(tmp_path):
    image = tmp_path / "x.sif"
    with pytest.raises(LocalSiteError, match="there is no image"):
        plan_module("ESD/24.10", image, ())
    image.touch()
    with pytest.raises(LocalSiteError, match=r"no packages are known for ESD/99: .*24\.10, "):
        plan_module("ESD/99", image, ())
    assert plan_module("my/99", image, ["neo==1"]).set.packages == ["neo==1"]
