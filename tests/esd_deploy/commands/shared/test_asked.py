import inspect
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from esd_build.data.errors import UsageError
from esd_deploy.commands.shared.asked import Asked, asks
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.sites.config import Binding

TYPED = """net.py --site jusuf --image nest --mode container -N 2 -n 6 --tasks-per-node 3 -c 4 --time 2m -i data.csv -i more
--bind cores --ranks-per-socket 2 --exclusive --gpus 1 --partition devel --account myproject --env SEED=4 -J night --tag a
--hardware-config emulated=true --tag b --model neuron.nestml --twice -- --seed 4"""
WANTED = Request(
    script=Path("net.py"),
    arguments=("--seed", "4"),
    image="nest",
    shape=Shape(2, 3, 4, 1, Binding(bind="cores", ranks_per_socket=2, exclusive=True)),
    time_s=120,
    mode="container",
    inputs=(Path("data.csv"), Path("more")),
    partition="devel",
    account="myproject",
    tags=("a", "b"),
    name="night",
    environment=(("SEED", "4"),),
    never=(Path("runs"),),
    hardware=(("emulated", True),),
)


def called(words, *, without=()):
    """What a command that asks as `run` does gets, and how the call ended."""
    got = []
    app = typer.Typer()

    @app.command()
    @asks(without=without)
    def command(asked: Asked, *, twice: bool = False) -> None:
        """Does nothing."""
        got.append((asked, twice))

    return got, CliRunner().invoke(app, words)


def test_every_option_reaches_the_request():
    [(asked, twice)], _ = called(TYPED.split())

    assert (asked.request(Path("runs")), asked.site, asked.model, twice) == (WANTED, "jusuf", Path("neuron.nestml"), True)


def test_what_is_not_typed_is_left_to_the_site():
    [(asked, twice)], _ = called(["net.py", "--site", "jusuf"])

    assert (asked.request(), twice) == (Request(Path("net.py")), False)


@pytest.mark.parametrize("words", [["net.py"], ["--site", "jusuf"]])
def test_script_and_site_are_required(words):
    assert called(words)[1].exit_code == 2


def test_a_command_may_leave_options_out():
    assert "No such option" in called(["net.py", "--site", "jusuf", "--tag", "a"], without=("tag",))[1].output


def test_a_command_keeps_its_name_and_help():
    def command(asked: Asked, *, twice: bool = False) -> None:
        """Does nothing."""

    flat = asks(without=("tag",))(command)

    assert (flat.__name__, flat.__doc__) == ("command", "Does nothing.")
    assert [*inspect.signature(flat).parameters][-2:] == ["after", "twice"]


def test_a_word_that_cannot_be_read_is_a_usage_error():
    with pytest.raises(UsageError, match="--time"):
        Asked(Path("net.py"), site="jusuf", time="soon").request()
