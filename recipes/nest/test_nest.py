"""The contract of the NEST image: what a researcher's script relies on."""

import json
import re

import pytest
from testinfra.host import Host

from esd_build.data.project import Environment
from esd_build.data.target import march

pytestmark = pytest.mark.image

NEST = "import nest, json; nest.set_verbosity('M_ERROR'); "


def python(host: Host, code: str) -> str:
    """The last line that a Python program prints inside the image."""
    finished = host.run("cd /tmp && python3 -c %s", code)
    assert finished.rc == 0, finished.stdout
    return finished.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def build_info(host: Host) -> dict[str, object]:
    """What NEST inside reports of its build; before there was `nest.build_info`, SLI's `statusdict` had it."""
    found = "found = getattr(nest, 'build_info', None) or nest.ll_api.sli_func('statusdict'); "
    told: dict[str, object] = json.loads(python(host, NEST + found + "print(json.dumps(dict(found), default=str))"))
    return {"threads_model": told.get("threading"), **told}


def test_nest_is_the_pinned_one(build_info: dict[str, object], environment: Environment) -> None:
    assert str(build_info["version"]).removesuffix(".0") == environment.pins["NEST"].version.removesuffix(".0")  # 3.8 says 3.8.0


def test_nest_was_built_for_clusters(build_info: dict[str, object]) -> None:
    assert build_info["have_mpi"] is True
    assert build_info["ndebug"] is True  # without NDEBUG, simulations take 1.3 times as long
    assert build_info["threads_model"] == "openmp"


def test_nest_tells_the_truth_about_its_place(host: Host, build_info: dict[str, object]) -> None:
    """NEST is at `/opt/nest` in every image. Where Spack installed it, that is a link into Spack's store."""
    prefix = build_info["prefix"]
    assert host.check_output("readlink -f /opt/nest") == prefix
    assert host.check_output("nest-config --prefix") == prefix
    assert host.file(f"{prefix}/include/nest/nest.h").is_file
    assert host.check_output("nest-config --version") == build_info["version"]


def test_models_are_compiled_for_the_processor_that_nest_is(host: Host, environment: Environment) -> None:
    """Otherwise a NESTML model runs slower than NEST's own models and rounds differently than in another image."""
    assert f"-march={march(environment.target)} " in host.check_output("nest-config --cflags")


@pytest.mark.parametrize(("name", "distribution"), [("PyNN", "pynn"), ("NESTML", "nestml"), ("mpi4py", "mpi4py")])
def test_python_packages_are_the_pinned_ones(host: Host, environment: Environment, name: str, distribution: str) -> None:
    found = python(host, f"from importlib.metadata import version; print(version('{distribution}'))")
    assert found == environment.pins[name].version


@pytest.mark.parametrize("module", ["numpy", "scipy", "neo", "nixio", "elephant"])
def test_libraries_for_analysis_are_there(host: Host, environment: Environment, module: str) -> None:
    asked = environment.folder / (environment.variant or "") / "spack.yaml"
    if module == "elephant" and environment.variant and "py-elephant" not in asked.read_text(encoding="utf-8"):
        pytest.skip(f"{environment.path} is without Elephant; its spack.yaml says why")
    assert python(host, f"import {module}; print({module}.__name__)") == module


def _asks_for(environment: Environment, package: str) -> bool:
    """Whether one of the environment's lists has this package: pip's list of edge, or the specs and Debian packages of a Spack form."""
    folder = environment.folder / (environment.variant or "")
    lists = ("spack.yaml", "apt.txt") if environment.variant else ("requirements.in", "spack.yaml")
    names = {f"py-{package}", f"python3-{package}", package}
    return any(names & set(re.split(r"[\s,\[\]]+", (folder / name).read_text("utf-8"))) for name in lists if (folder / name).is_file())


@pytest.mark.parametrize("module", ["matplotlib", "pandas"])
def test_libraries_for_figures_and_tables_are_there(host: Host, environment: Environment, module: str) -> None:
    if not _asks_for(environment, module):
        pytest.skip(f"{environment.path} does not ask for {module}; docs/measurements/images.md says why")
    assert python(host, f"import {module}; print({module}.__name__)") == module


def test_a_figure_is_drawn_without_a_display(host: Host, environment: Environment) -> None:
    """As a rank on a node does it: no display, no configuration, and a home that may not be written."""
    if not _asks_for(environment, "matplotlib"):
        pytest.skip(f"{environment.path} does not ask for matplotlib; docs/measurements/images.md says why")
    code = """
import os; os.environ.update(HOME='/nonexistent'); os.environ.pop('DISPLAY', None)
import matplotlib.pyplot as plt, pandas as pd, tempfile
path = os.path.join(tempfile.mkdtemp(), 'rates.png')
pd.DataFrame({'time': [0.0, 1.0, 2.0], 'rate': [3.0, 5.0, 4.0]}).plot('time', 'rate').figure.savefig(path)
print(plt.get_backend().lower(), open(path, 'rb').read(8) == bytes.fromhex('89504e470d0a1a0a'), os.path.getsize(path) > 5000)
"""
    assert python(host, code) == "agg True True"


def test_nest_starts_without_the_libraries_for_figures_and_tables(host: Host, environment: Environment) -> None:
    """They would take twice the time of all the rest, in every rank; `nest-3.10.0-lazy-imports.patch` has the reason."""
    if environment.provider != "debian":
        pytest.skip(f"{environment.path} has NEST as its own provider builds it, without the patch")
    assert python(host, "import nest, sys; print(sorted({'pandas', 'matplotlib', 'h5py'} & set(sys.modules)))") == "[]"


def test_nest_gives_data_frames_and_plots(host: Host, environment: Environment) -> None:
    if not _asks_for(environment, "matplotlib") or not _asks_for(environment, "pandas"):
        pytest.skip(f"{environment.path} does not ask for matplotlib and pandas")
    code = """
import nest
cells = nest.Create('iaf_psc_alpha', positions=nest.spatial.grid([3, 3]))
nest.Connect(cells, cells)
connections = [nest.GetConnections(), nest.GetConnections(synapse_model='stdp_synapse')]
frames = [one.get(output='pandas') for one in (cells, *connections)]
masks = [{'circular': {'radius': 1.0}}, {'doughnut': {'inner_radius': 0.2, 'outer_radius': 0.5}},
         {'elliptical': {'major_axis': 1.0, 'minor_axis': 0.5}}]
figures = [nest.PlotTargets(cells[4], cells)] + [nest.PlotTargets(cells[4], cells, mask=mask, mask_color='red') for mask in masks]
print([len(frame) for frame in frames], len(figures), type(figures[0]).__name__)
"""
    assert python(host, code) == "[9, 81, 0] 4 Figure"


def test_mpi4py_uses_the_mpi_that_nest_was_linked_with(host: Host, environment: Environment) -> None:
    assert python(host, "from mpi4py import MPI; print(MPI.Get_library_version().split(',')[0])") == (
        f"Open MPI v{environment.pins['Open MPI'].version}"
    )
    maps = "[line.split()[-1] for line in open('/proc/self/maps') if 'libmpi.so' in line]"
    assert python(host, f"import nest; from mpi4py import MPI; print(len(set({maps})))") == "1"


def test_pmix_is_the_pinned_one(host: Host, environment: Environment) -> None:
    code = "import ctypes; f = ctypes.CDLL('libpmix.so.2').PMIx_Get_version; f.restype = ctypes.c_char_p; print(f().decode())"
    assert f"OpenPMIx {environment.pins['PMIx'].version}" in python(host, code)


def test_ucx_is_among_the_transports(host: Host) -> None:
    assert "mca:pml:ucx:" in host.check_output("ompi_info --parsable")


def test_pynn_runs_on_nest(host: Host) -> None:
    code = """
import pyNN.nest as sim
sim.setup(timestep=0.1)
cells = sim.Population(5, sim.IF_curr_alpha(i_offset=1.0))
cells.record('spikes')
sim.run(200.0)
print(sum(len(train) for train in cells.get_data().segments[0].spiketrains))
"""
    assert int(python(host, code)) >= 5


def test_pynn_extensions_are_compiled_in(host: Host) -> None:
    assert python(host, "import pyNN.nest as sim; print(sim.simulator.state.extensions_loaded)") == "True"
    assert not host.file("/tmp/_build").exists


_LEAKY_BODY = """
    state:
        V_m mV = -70 mV
    equations:
        V_m' = -(V_m + 70 mV) / tau_m + I_e / C_m
    parameters:
        tau_m ms = 10 ms
        C_m pF = 250 pF
        I_e pA = 600 pA
        V_th mV = -55 mV
        V_reset mV = -70 mV
    output:
        spike
    update:
        integrate_odes()
"""
LEAKY = f"""
model leaky_neuron:{_LEAKY_BODY}    onCondition(V_m >= V_th):
        V_m = V_reset
        emit_spike()
"""
# NESTML 6 and 7 call a model of a neuron so, and have no onCondition.
LEAKY_7 = f"""
neuron leaky_neuron:{_LEAKY_BODY}        if V_m >= V_th:
            V_m = V_reset
            emit_spike()
"""
# The same before NESTML 6: other words, and no meaning in the indentation.
LEAKY_5 = """
neuron leaky_neuron:
    state:
        V_m mV = -70 mV
    end
    equations:
        V_m' = -(V_m + 70 mV) / tau_m + I_e / C_m
    end
    parameters:
        tau_m ms = 10 ms
        C_m pF = 250 pF
        I_e pA = 600 pA
        V_th mV = -55 mV
        V_reset mV = -70 mV
    end
    output: spike
    update:
        integrate_odes()
        if V_m >= V_th:
            V_m = V_reset
            emit_spike()
        end
    end
end
"""


def test_a_nestml_neuron_compiles_and_fires(host: Host, environment: Environment) -> None:
    model = {"5": LEAKY_5, "6": LEAKY_7, "7": LEAKY_7}.get(environment.pins["NESTML"].version.split(".")[0], LEAKY)
    # NESTML 7 takes NEST 3.8 for 3.4: docs/reference/known-problems.md.
    unrecognized = environment.pins["NESTML"].version.startswith("7.") and environment.pins["NEST"].version.startswith("3.8")
    options = {"nest_version": "master"} if unrecognized else {}
    code = f"""
import os, tempfile
work = tempfile.mkdtemp(); os.chdir(work)
open('leaky_neuron.nestml', 'w').write({model!r})
from pynestml.frontend.pynestml_frontend import generate_nest_target
generate_nest_target(input_path='leaky_neuron.nestml', target_path=work + '/target', install_path=work, module_name='leaky_module',
                     codegen_opts={options!r})
import nest
nest.Install('leaky_module')
neuron, recorder = nest.Create('leaky_neuron'), nest.Create('spike_recorder')
nest.Connect(neuron, recorder)
nest.Simulate(200.0)
print(recorder.n_events)
"""
    assert int(python(host, code)) > 3
