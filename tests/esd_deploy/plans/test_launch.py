import os
import subprocess

import pytest
from tests.esd_deploy.conftest import ODD_VALUES

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Repeats, Shape

SRUN = "srun --kill-on-bad-exit=1 --mpi=pspmix --nodes=2 --ntasks=4 --ntasks-per-node=2 --cpus-per-task=3"
CONTAINER = "singularity exec --sharens --bind /tmp --bind /p/scratch esd/image.sif setsid --wait setpriv --pdeathsig KILL"
SHAPE = Shape(2, 2, 3)


def test_the_launch_in_a_container(config):
    assert str(launch.program(config, SHAPE, ("net.py", "a b"), contained=True)) == f"{SRUN} {CONTAINER} python3 net.py 'a b'"


def test_the_launch_from_modules(config):
    assert str(launch.program(config, SHAPE, ("net.py",), contained=False)) == f"{SRUN} python3 net.py"


def test_the_wireup_check_has_a_time_limit_and_expects_all_ranks(config):
    expected = f"timeout --kill-after=10 150 {SRUN} {CONTAINER} python3 esd/wireup.py 4"

    assert str(launch.wireup(config, SHAPE, contained=True)) == expected


def test_versions_are_asked_by_one_rank(config):
    assert launch.versions(config, contained=True).argv[3:7] == ("srun", "--kill-on-bad-exit=1", "--mpi=pspmix", "--nodes=1")


def test_the_launch_file_is_a_shell_function_for_each_step(config):
    assert launch.launch_file(config, SHAPE, ("net.py",), mode="module") == (
        "# shellcheck shell=bash\n"
        "# Written by esd-deploy; read by job.sh.\n"
        "prepare() {\n  module load EBRAINS/24.10\n}\n"
        "spread() {\n  true\n}\n"
        "digests() {\n  true\n}\n"
        f"wireup() {{\n  timeout --kill-after=10 150 {SRUN} python3 esd/wireup.py 4\n}}\n"
        "versions() {\n  timeout --kill-after=10 120 srun --kill-on-bad-exit=1 --mpi=pspmix --nodes=1 --ntasks=1"
        " --ntasks-per-node=1 --cpus-per-task=1"
        " python3 esd/versions.py\n}\n"
        f"program() {{\n  {SRUN} python3 net.py\n}}\n"
    )


@pytest.mark.integration
def test_the_hosts_software_is_kept_out_of_a_container_but_for_what_the_sites_file_sets(config):
    site = config.model_copy(update={"environment": {"R_LIBS": "/p/site"}})
    names = (
        *launch.HOST_VARIABLES,
        "BASH_ENV",
        "APPTAINERENV_PYTHONPATH",
        "SINGULARITYENV_LD_LIBRARY_PATH",
        "LD_LIBRARY_PATH",
        "OMPI_MCA_pml",
    )
    text = "\n".join((*launch.keep_out(site), "env"))

    found = subprocess.run(("/bin/bash", "-c", text), env=dict.fromkeys(names, "host"), check=True, capture_output=True, text=True)

    # LD_LIBRARY_PATH stays, for the container program itself may need it; inside it is replaced.
    assert {line.partition("=")[0] for line in found.stdout.splitlines() if line.endswith("=host")} == {
        "R_LIBS",
        "LD_LIBRARY_PATH",
        "OMPI_MCA_pml",
    }
    assert "kept out of the container: PYTHONPATH, which the host sets\n" in found.stderr
    assert "R_LIBS," not in found.stderr


def test_the_budget_is_quoted_where_a_project_is_activated(config):
    site = config.model_copy(update={"activation": "jutil env activate -p {account}", "account": "br ain"})

    assert "activate() {\n  jutil env activate -p 'br ain'\n}\n" in launch.site_file(site, {})


@pytest.mark.integration
def test_every_value_arrives_as_it_is(config, tmp_path):
    (tmp_path / "site.sh").write_bytes(launch.site_file(config, ODD_VALUES).encode())

    command = ("bash", "-c", "source ./site.sh && env -0")
    found = subprocess.run(command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, check=True)

    arrived = dict(line.split("=", 1) for line in found.stdout.decode().split("\0") if line)
    assert {name: arrived.get(name) for name in ODD_VALUES} == ODD_VALUES


def test_the_batch_script_for_own_use(config, image):
    clean, unset = launch.keep_out(config)
    assert launch.batch_script(config, SHAPE, ("net.py",), image=image, time_s=600) == (
        "#!/usr/bin/env bash\n"
        "#SBATCH --nodes=2\n"
        "#SBATCH --ntasks-per-node=2\n"
        "#SBATCH --cpus-per-task=3\n"
        "#SBATCH --time=00:10:00\n"
        "#SBATCH --partition=batch\n"
        "#SBATCH --account=brain\n"
        "set -euo pipefail\n"
        f"{clean}\n{unset}\n{launch.both_families()}\n"
        '# Once, on a login node: mkdir -p -m 700 "$SCRATCH/esd-images-$UID" && '
        f'singularity pull "$SCRATCH/esd-images-$UID/{"b" * 64}.sif"'
        f" oras://registry.example.org/esd/nest@sha256:{'a' * 64}\n"
        "mkdir -p esd\n"
        f'ln -sfn "$SCRATCH/esd-images-$UID/{"b" * 64}.sif" esd/image.sif\n'
        f"echo '{'b' * 64}  esd/image.sif' | sha256sum --check --quiet\n"
        "export UCX_MAX_RNDV_RAILS=1\n"
        "export OMP_NUM_THREADS=3\n"
        "export PYNN_SIMULATOR=nest\n"
        f"{SRUN} {CONTAINER} python3 net.py\n"
    )


@pytest.mark.parametrize(("seconds", "text"), [(59, "00:00:59"), (600, "00:10:00"), (90061, "25:01:01")])
def test_run_times_as_slurm_writes_them(seconds, text):
    assert launch.clock(seconds) == text


@pytest.mark.parametrize(
    ("plugin", "fence"), [("pmix", "ring"), ("pmix_v5", "ring"), ("pspmix", None), ("cray_shasta", None), ("pmi2", None)]
)
def test_the_fences_of_slurms_own_pmix_wait_for_all_nodes(config, plugin, fence):
    assert launch.variables(config.model_copy(update={"mpi": plugin}), SHAPE).get("SLURM_PMIX_FENCE") == fence


def test_a_site_may_have_a_fence_of_its_own(config):
    own = config.model_copy(update={"mpi": "pmix", "environment": {"SLURM_PMIX_FENCE": "tree"}})

    assert launch.variables(own, SHAPE)["SLURM_PMIX_FENCE"] == "tree"


@pytest.mark.integration
def test_a_repeated_program_starts_again_whatever_became_of_the_last_start(config, tmp_path):
    text = launch.launch_file(config, Shape(), ("net.py",), mode="login", repeats=Repeats(3, 5))
    assert "timeout --kill-after=10 5 python3 net.py || failed=$?" in text

    (tmp_path / "net.py").write_text(
        "import os\nprint(os.environ['ESD_REPETITION'])\nraise SystemExit(7 * (os.environ['ESD_REPETITION'] == '2'))\n"
    )
    done = subprocess.run(["bash", "-c", f"{text}\nprogram"], capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False)

    assert (done.stdout.split(), done.returncode) == (["1", "2", "3"], 7)


def test_one_start_without_a_limit_is_the_usual_line(config):
    assert Repeats().lines(launch.program(config, SHAPE, ("net.py",), contained=False)) == f"{SRUN} python3 net.py"
