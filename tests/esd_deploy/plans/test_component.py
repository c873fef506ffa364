"""Further components of a run: as typed, at a site, and the exact words that Slurm and UNICORE get."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.esd_deploy.conftest import prepared

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.inputs.content import whole
from esd_deploy.plans import component, launch, run_job
from esd_deploy.plans.asked_component import Component
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.records import reports
from esd_deploy.records.record import RunRecord
from esd_deploy.records.record_parts import ComponentRecord
from esd_deploy.runs import rerun
from esd_deploy.runs.site import Site
from esd_deploy.sites.config import Binding

OTHER = PublishedImage(
    ImageReference("registry.example.org", "esd/nest-server", "edge", "sha256:" + "c" * 64), "sha256:" + "d" * 64, 2000, {}
)


@pytest.fixture
def cells(tmp_path) -> Component:
    path = tmp_path / "cells.py"
    path.write_text("print('cells')\n")
    return Component("cells", "nest-server", path, Shape(1, 2, 3))


@pytest.fixture
def both(config, image, script, cells):
    asked = Request(script, ("--scale", "0.1 x"), "nest", Shape(2, 1, 4), 600, components=(cells,)).checked(config)
    return asked.plan(image, "run-1", (OTHER,))


def test_what_is_typed():
    assert Component.typed("name=cells,image=nest:edge,script=a/b.py") == Component("cells", "nest:edge", Path("a/b.py"))
    typed = Component.typed("name=c-2,image=r/esd/x@sha256:00,script=b.py,nodes=2,tasks=3,threads=4,partition=booster")
    assert (typed.shape, typed.partition) == (Shape(2, 3, 4), "booster")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "key"),
        ("name=a", "image, script missing"),
        ("name=a,image=b,script=c,node=1", "nodes"),
        ("name=a,image=b,script=c,nodes=0", "nodes=0 is no number from 1 on"),
        ("name=a,image=b,script=c,tasks=x", "tasks=x is no number"),
        ("name=a,image=b,script=c,tasks=²", "no number"),
        ("name=a,image=b,script=c,name=d", "each key once"),
        ("name=a,image=,script=c", "as image=VALUE"),
        ("name=A/../b,image=b,script=c", "small letters"),
        (f"name={'a' * 31},image=b,script=c", "at most 30"),
    ],
)
def test_what_is_no_component(text, said):
    with pytest.raises(UsageError, match=said):
        Component.typed(text)


def test_one_srun_starts_all(both):
    assert both.line == (
        f"srun --het-group=0 {' '.join(launch.srun(both.site, both.shape)[1:])} "
        f"{launch.shell_line(launch.container(both.site))} python3 net.py --scale '0.1 x' : "
        "--het-group=1 --kill-on-bad-exit=1 --mpi=pspmix --nodes=1 --ntasks=2 --ntasks-per-node=2 --cpus-per-task=3 "
        f"{launch.shell_line(launch.container(both.site, 'esd/image-cells.sif'))} python3 cells.py"
    )


def test_all_ranks_find_each_other_and_each_node_hashes_its_own_image(both):
    steps = component.steps(both.site, both.shape, both.command, both.components)
    assert steps["wireup"][0].startswith("timeout ")
    assert steps["wireup"][0].count("python3 esd/wireup.py 4") == 2
    assert steps["digests"][1] == (
        f"ESD_IMAGE_SHA256={'d' * 64} ESD_IMAGE_LINK=esd/image-cells.sif "
        "srun --het-group=1 --nodes=1 --ntasks=1 --ntasks-per-node=1 bash esd/digest.sh >esd/image-cells.digests"
    )
    assert steps["spread"] == ()


def test_the_job_is_a_raw_one_with_a_block_of_options_for_each(both):
    made = unicore_job.job(run_job.spec(both))
    document = made.description.document()
    assert (document["Job type"], document["BSS file"], "Resources" in document) == ("RAW", "esd/batch.sh", False)
    assert document["User precommand"] == "bash esd/enter.sh esd/pull-all.sh"
    first, _, second = whole(made.files["esd/batch.sh"]).decode().partition("#SBATCH hetjob\n")
    assert "#SBATCH --nodes=2\n" in first
    assert {"#SBATCH --output=stdout", "#SBATCH --error=stderr"} <= set(first.splitlines())
    assert second.splitlines()[:4] == [
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks-per-node=2",
        "#SBATCH --cpus-per-task=3",
        "#SBATCH --time=00:10:00",
    ]
    pull = whole(made.files["esd/pull-all.sh"]).decode()
    assert f"ESD_IMAGE_REFERENCE={OTHER.reference.oras} ESD_IMAGE_SHA256={'d' * 64} ESD_IMAGE_SIZE=2000" in pull
    assert whole(made.files["cells.py"]) == b"print('cells')\n"


def test_a_job_without_components_has_none_of_it(planned):
    made = unicore_job.job(run_job.spec(planned))
    assert "Job type" not in made.description.document()
    assert not {"esd/batch.sh", "esd/pull-all.sh"} & set(made.files)


def test_the_record_has_each_image_and_its_nodes(both, tmp_path):
    record = prepared(both, tmp_path / "run-1")
    (tmp_path / "run-1" / "esd").mkdir(exist_ok=True)
    (tmp_path / "run-1" / "esd" / "image-cells.digests").write_text(f"c2 {'d' * 64}\n")
    (one,) = reports.understood(record, tmp_path / "run-1").components
    assert (one.name, one.script, one.image.digest, one.image.nodes) == ("cells", "cells.py", OTHER.reference.digest, {"c2": "d" * 64})
    assert (one.nodes, one.tasks_per_node, one.threads) == (1, 2, 3)
    assert "cells.py" in record.script.inputs
    assert " : --het-group=1 " in record.launch
    assert RunRecord.model_validate_json(record.model_dump_json()).components == record.components


def test_a_rerun_repeats_all_components_from_the_images_of_the_record(both, config, tmp_path):
    record = prepared(both, tmp_path / "run-1")

    again = rerun.plan(record, tmp_path / "run-1", config)

    assert again.line == both.line
    [before], [after] = both.components, again.components
    assert (after.image.reference, after.sha256, after.shape, after.site) == (before.image.reference, "d" * 64, before.shape, again.site)
    sent, first = (unicore_job.job(run_job.spec(one)).files for one in (again, both))
    assert all(whole(sent[path]) == whole(first[path]) for path in ("esd/pull-all.sh", "cells.py", "esd/launch.sh"))


def test_a_rerun_has_each_components_partition_and_binding(config, image, script, cells, tmp_path):
    bound = config.model_copy(update={"binding": Binding(bind="cores"), "partitions": {}})
    asked = Request(script, (), "nest", account="mine", components=(replace(cells, partition="booster"),)).checked(bound)
    record = prepared(asked.plan(image, "run-1", (OTHER,)), tmp_path / "run-1")

    [again] = rerun.plan(record, tmp_path / "run-1", config).components

    assert (again.site.partition, again.site.account, again.shape.binding.bind) == ("booster", "mine", "cores")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"partition": "booster\n#SBATCH --wrap=evil"}, "expected a name that Slurm accepts"),
        ({"script": "other.py"}, "no script that went along"),
    ],
)
def test_a_forged_component_is_not_repeated(both, config, tmp_path, changes, said):
    """A record may come from a job's folder, where anybody who ran there could write."""
    record = prepared(both, tmp_path / "run-1")
    forged = record.model_copy(update={"components": (record.components[0].model_copy(update=changes),)})
    with pytest.raises(UsageError, match=said):
        rerun.plan(forged, tmp_path / "run-1", config)


@pytest.mark.parametrize("name", ["../x", "a b", "", "$(x)", "a" * 31, "A", "a\n"])
def test_a_record_cannot_name_a_component_so(both, tmp_path, name):
    record = prepared(both, tmp_path / "run-1")
    with pytest.raises(ValidationError, match="name"):
        ComponentRecord.model_validate({**record.components[0].model_dump(), "name": name})


def test_a_site_that_calls_sbatch_itself_repeats_no_components(both, config, tmp_path):
    record = prepared(both, tmp_path / "run-1")
    with pytest.raises(UsageError, match="submit through its server"):
        rerun.plan(record, tmp_path / "run-1", config.model_copy(update={"submit": "sbatch"}))


def test_each_components_image_must_be_signed_where_signatures_are_asked_for(both, monkeypatch):
    asked = []
    place = Site(both.site, None, None, look_up=None)
    monkeypatch.setattr(Site, "signed_only", lambda self: replace(self, look_up=lambda reference, _: asked.append(reference)))
    rerun.require_signature(both, place)
    assert asked == [both.image.reference, OTHER.reference]


def test_what_cannot_be(config, script, cells):
    def refused(said, site=config, **changes):
        with pytest.raises(UsageError, match=said):
            replace(Request(script, (), "nest", components=(cells,)), **changes).checked(site)

    refused("give --image for the first one", image=None, mode="module", site=config.model_copy(update={"modules": ("EBRAINS",)}))
    refused("each needs a name of its own", components=(cells, cells))
    refused("submit through its server", site=config.model_copy(update={"submit": "sbatch"}))
    refused("nodes asked for", components=(replace(cells, shape=Shape(10_000)),))
    refused("No such file", components=(replace(cells, script=Path("nosuch.py")),))
