"""The pipelines of ci/: they call make and nothing else, what they call exists, and they build images that exist."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from esd_build.commands.matrix import GITLAB_JOBS
from esd_build.data.project import Project

PROJECT = Project(Path(__file__).parents[2])
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT.root / "Makefile").read_text(), re.MULTILINE))
LOCAL = (PROJECT.root / "ci" / "local.sh").read_text()
ORDER = ["plan", "image", "contract", "push", "sign", "validate", "promote", "built"]


def load(name: str) -> dict:
    return YAML(typ="safe").load((PROJECT.root / "ci" / name).read_text())


def gitlab_commands() -> list[str]:
    found = []
    for pipeline in map(load, ("gitlab-ci.yml", "gitlab-images.yml")):
        jobs = [job for stage in pipeline["stages"] for job in pipeline.values() if isinstance(job, dict) and job.get("stage") == stage]
        found += [line for job in jobs for line in job.get("script", ())]
    return found


def github_commands() -> list[str]:
    return [step["run"] for job in load("github-actions.yml")["jobs"].values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("commands", [gitlab_commands(), github_commands()], ids=["gitlab", "github"])
def test_only_make_is_called_and_its_targets_exist(commands: list[str]) -> None:
    assert all(re.fullmatch(r"make [a-z-]+", command) for command in commands)
    assert {command.split()[1] for command in commands} <= TARGETS


def test_all_do_the_same_steps_in_the_same_order() -> None:
    assert [command.split()[1] for command in gitlab_commands()] == ["check", "test", "matrix", *ORDER]
    publish = re.search(r"for step in ([a-z ]+);", (PROJECT.root / "ci" / "publish.sh").read_text())[1].split()
    steps = [command.split()[1] for command in github_commands()]
    place = steps.index("publish")
    assert [*steps[:place], *publish, *steps[place + 1 :]] == ["check", "test", "matrix", *ORDER]
    assert re.findall(r"^step ([a-z]+)", LOCAL, re.MULTILINE) == ORDER


def test_no_pipeline_lists_images() -> None:
    """What can be built is data, which `make matrix` reads."""
    github, gitlab = load("github-actions.yml")["jobs"], load("gitlab-ci.yml")
    assert github["image"]["strategy"]["matrix"] == "${{ fromJSON(needs.matrix.outputs.images) }}"
    assert gitlab["images"]["trigger"]["include"] == [{"artifact": gitlab["matrix"]["artifacts"]["paths"][0], "job": "matrix"}]
    assert (PROJECT.root / GITLAB_JOBS).is_file()
    assert set(load("gitlab-images.yml")[".images"]) == {"tags"}


def test_a_commit_is_looked_at_as_make_check_does() -> None:
    """The hooks use the tools of .venv, and shellcheck reads the same scripts."""
    hooks = {
        hook["id"]: hook for hook in YAML(typ="safe").load((PROJECT.root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    }
    patterns = re.search(r"^SCRIPTS := (.*)$", (PROJECT.root / "Makefile").read_text(), re.MULTILINE)[1]
    globs = re.sub(r"\$\(wildcard ([^)]*)\)", r"\1", patterns).split()
    scripts = {str(path.relative_to(PROJECT.root)) for one in globs for path in PROJECT.root.glob(one)}

    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks.values())
    assert {script for script in scripts if not re.search(hooks["shellcheck"]["files"], script)} == set()
    assert not re.search(hooks["shellcheck"]["files"], "recipes/base/finish.sh")
