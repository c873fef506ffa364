"""The documents that the portability study exchanges with the programs inside the images: requests to run a neuron, and their traces.

`inside/nest_trace.py` and `inside/spinnaker_trace.py` read and write them as JSON.
"""

from pydantic import BaseModel, ConfigDict, Field

from esd_build.data.documents import Document


class PlasticSynapse(Document):
    """A plastic synapse onto the neuron, and the times (ms) of the spikes that it carries."""

    name: str
    parameters: dict[str, float]
    weight: float
    delay_ms: float
    times_ms: tuple[float, ...]


class Side(Document):
    """One side of a comparison on NEST; `start` is the state at which independently solved equations begin."""

    name: str
    parameters: dict[str, float]
    synapse: PlasticSynapse | None
    start: tuple[float, ...] = ()


class NestRequest(Document):
    """A request to `nest_trace.py`. `inputs`: weight of the spikes at each port, for each step."""

    module: str
    timestep_ms: float
    ports: tuple[str, ...]
    inputs: tuple[tuple[float, ...], ...]
    model: Side
    reference_kind: str
    reference: Side


class SpinnakerRequest(Document):
    """A request to `spinnaker_trace.py`. `inputs` as for NEST."""

    model: str
    timestep_ms: float
    parameters: dict[str, float]
    inputs: tuple[tuple[float, ...], ...]


Request = NestRequest | SpinnakerRequest


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class NestSeries(_Answer):
    """One neuron on NEST: the membrane potential (mV) at these steps, spike steps, a plastic synapse's weights."""

    steps: tuple[int, ...]
    potentials: tuple[float, ...] = Field(alias="V_m")
    spikes: tuple[int, ...]
    weights: tuple[float, ...] = ()


class NestTraces(_Answer):
    """The answer of `nest_trace.py`."""

    model: NestSeries
    reference: NestSeries


class SpinnakerTrace(_Answer):
    """The answer of `spinnaker_trace.py`: each recorded variable, step by step, and spike steps."""

    series: dict[str, tuple[float, ...]]
    spikes: tuple[int, ...]
