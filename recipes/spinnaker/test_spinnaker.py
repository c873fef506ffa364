"""The contract of the spinnaker image: what generated code and a PyNN script rely on."""

import pytest
from testinfra.host import Host

from esd_build.data.project import Environment

pytestmark = pytest.mark.image

CORE = "arm-none-eabi-gcc -mcpu=arm968e-s -marm -std=gnu99 -Os"
PROGRAM = r"""
#include <stdfix.h>
#include <stdio.h>
int main(void) { accum a = 0.1k; printf("%d\n", (int) (a * 32768)); return 0; }
"""
MODEL = """
model tiny:
    state:
        V_m mV = 0 mV
    equations:
        V_m' = -V_m / tau
    parameters:
        tau ms = 10 ms
    input:
        spikes <- spike
    output:
        spike
    update:
        integrate_odes()
    onReceive(spikes):
        V_m += spikes * 1 mV * 1 s
    onCondition(V_m > 10 mV):
        V_m = 0 mV
        emit_spike()
"""
NETWORK = """
import pyNN.spiNNaker as sim
sim.setup(timestep=1.0)
cells = sim.Population(100, sim.IF_curr_exp(), label="cells")
source = sim.Population(100, sim.SpikeSourcePoisson(rate=10.0), label="source")
sim.Projection(source, cells, sim.FixedProbabilityConnector(0.1), sim.StaticSynapse(weight=0.1, delay=1.0))
sim.run(10.0)
from spynnaker.pyNN.data import SpynnakerDataView as View
print("placed", sorted(p.vertex.app_vertex.label for p in View.iterate_placemements() if p.vertex.app_vertex is not None))
sim.end()
"""
HOME = r"export HOME=$(mktemp -d) && cd $HOME && printf '[Machine]\nvirtual_board = True\nversion = 5\n' > .spynnaker.cfg"


@pytest.fixture(scope="module")
def own(environment: Environment) -> Environment:
    """The pins of this image."""
    return environment.of("spinnaker")


@pytest.mark.parametrize(
    ("name", "distribution"), [("NESTML", "nestml"), ("ODE-toolbox", "odetoolbox"), ("sPyNNaker", "spynnaker"), ("PyNN", "pynn")]
)
def test_python_packages_are_the_pinned_ones(host: Host, own: Environment, name: str, distribution: str) -> None:
    found = host.check_output("python3 -c %s", f"from importlib.metadata import version; print(version('{distribution}'))")
    assert found == own.pins[name].version


def test_a_bare_metal_program_becomes_an_arm_elf_of_the_cores_kind(host: Host) -> None:
    built = host.run(
        f"cd $(mktemp -d) && printf %s > bare.c && {CORE} bare.c -o bare.elf --specs=rdimon.specs -Wl,-Ttext-segment=0x100000"
        " && arm-none-eabi-readelf -hA bare.elf && qemu-arm -cpu arm946 bare.elf",
        PROGRAM.replace("%", "%%").replace("\\", "\\\\"),
    )
    assert built.rc == 0, built.stdout
    for expected in ("ELF32", "ARM", "EXEC", "Tag_CPU_arch: v5TE"):
        assert expected in built.stdout
    assert built.stdout.split()[-1] == "3276"  # 0.1 in 16.15 fixed point, cut


def test_nestml_generates_code_for_spinnaker(host: Host) -> None:
    code = (
        "from pynestml.frontend.pynestml_frontend import generate_target\n"
        "from pathlib import Path\n"
        f"Path('tiny.nestml').write_text({MODEL!r})\n"
        "Path('into').mkdir()\n"
        "try: generate_target(['tiny.nestml'], 'SPINNAKER', 'out', 'into', module_name='tinymodule')\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    made = host.run("cd $(mktemp -d) && python3 -c %s; grep neuron_impl_do_timestep_update out/tiny_impl.h", code)
    assert "static void neuron_impl_do_timestep_update(" in made.stdout, made.stdout


def test_a_network_is_mapped_on_a_virtual_board(host: Host) -> None:
    mapped = host.run(f"{HOME} && python3 -c %s", NETWORK)
    assert "placed ['cells', 'source']" in mapped.stdout, mapped.stdout[-2000:]


def test_the_c_stack_links_a_model(labels: dict[str, str]) -> None:
    if labels["eu.ebrains.esd.spinnaker-c-stack"] == "absent":
        pytest.skip("SpiNNaker's C stack is not in the image: generated code is compiled, not linked to .aplx")
    raise AssertionError("an image with the C stack needs a test of it here")
