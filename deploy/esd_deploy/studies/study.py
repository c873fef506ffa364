"""What a stack answered to the probes of `drift --full`. A job wrote it, so every shape is checked here, once."""

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from esd_build.net.answers import printable

Order = Literal["threads first", "seed first"]
ORDERS: tuple[Order, ...] = ("threads first", "seed first")
_Answer = TypeVar("_Answer")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Unanswered(_Part):
    """Why a stack could not answer a probe."""

    reason: str

    def __str__(self) -> str:
        return printable(self.reason, 500)


class Ordered(_Part, Generic[_Answer]):
    """One answer for each order in which threads and seed were set."""

    threads_first: _Answer = Field(alias="threads first")
    seed_first: _Answer = Field(alias="seed first")

    def of(self, order: Order) -> _Answer:
        """The answer for one order."""
        return self.threads_first if order == "threads first" else self.seed_first


class Kernel(_Part):
    """What the kernel said of its settings afterwards; the resolution in ms."""

    rng_seed: int
    local_num_threads: int
    resolution: float


class Realisations(_Part):
    """Hash and number of all spikes, for the seed and for the other seed."""

    hashes: tuple[str, str]
    spikes: tuple[int, int]


class Activity(_Part):
    """One realisation: mean rate (1/s), and mean coefficient of variation of the inter-spike intervals."""

    rate: float
    cv: float


class Network(Ordered[Realisations]):
    """One kind of network: both orders, and the activity of each seed on one thread."""

    statistics: tuple[Activity, ...] = Field(min_length=2)


class Spikes(_Part):
    """A hash of everything recorded, and the number of spikes."""

    hash: str
    spikes: int


class Neuron(Spikes):
    """Also some of the membrane potential (mV)."""

    potential: tuple[float, ...]


class PaperNetwork(Spikes):
    """Also the kernel that PyNN set up, and what the script measured."""

    kernel: Kernel | None = None
    metrics: Mapping[str, float | int | str | None] = Field(default_factory=dict)


class Study(_Part):
    """Every probe's answer, by its kind."""

    kernel: Ordered[Kernel | Unanswered]
    neurons: Mapping[str, Neuron | Unanswered] | Unanswered
    networks: Mapping[str, Network | Unanswered]
    numerics: Unanswered | Mapping[str, str] = Field(union_mode="left_to_right")  # a reason is a mapping of texts, too
    nestml: Neuron | Unanswered
    pynn: PaperNetwork | Unanswered
