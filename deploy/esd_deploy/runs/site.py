"""The Python interface: `Site.load("local").submit("net.py", image="nest", nodes=2).wait()`."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tenacity import nap

from esd_build.data.errors import EsdError
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.backends import kinds
from esd_deploy.backends.connection import Connection
from esd_deploy.backends.kinds import Backend
from esd_deploy.display import tables
from esd_deploy.display.progress import Display, Silent
from esd_deploy.inputs import hardware
from esd_deploy.plans import image
from esd_deploy.plans.image import ImageWord
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.plan import Plan
from esd_deploy.plans.request import CheckedRequest, Request
from esd_deploy.records import record
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.records.staging import prepare
from esd_deploy.runs.patience import Sleep
from esd_deploy.runs.run import Run
from esd_deploy.runs.table import Runs
from esd_deploy.sites.catalogue import load_site
from esd_deploy.sites.config import Mode, SiteConfig
from esd_deploy.sites.endpoint import Endpoint, resolve


@dataclass(frozen=True)
class Site:
    """A place that runs jobs, and the caller's access to it."""

    config: SiteConfig
    endpoint: Endpoint
    backend: Backend
    look_up: Callable[[ImageReference, Endpoint], PublishedImage] = image.resolve

    @classmethod
    def load(cls, name: str, *, token: str | None = None) -> "Site":
        """Load a site by its name in the catalogue, or by the path of its YAML file. A `token` replaces the configured credentials.

        Raises UsageError for an unknown name, ConfigError for an invalid file, ToolError if a local site is not up.
        """
        return cls.of(load_site(name)[0], token=token)

    @classmethod
    def of(cls, config: SiteConfig, *, token: str | None = None) -> "Site":
        """The site of a configuration. Raises the same errors as `load`."""
        return cls(config, resolve(config, token=token), kinds.backend(config.kind))

    def connect(self) -> Connection:
        """Open a connection. Raises ToolError if the site does not answer or refuses the caller."""
        return self.backend.connect(self.endpoint)

    def signed_only(self) -> "Site":
        """The same site, which now refuses every image that none of the user's trusted keys signed."""
        return replace(self, look_up=image.resolve_signed)

    def plan(self, request: Request) -> Plan:
        """Plan a run, with the digest that the registry has for the image now; submits nothing. Raises UsageError for a wrong request."""
        return self.planned(request.checked(self.config))

    def planned(self, request: CheckedRequest) -> Plan:
        """Like `plan`, for a request that is already checked."""
        of_components = [self._published(one.image) for one in request.components]
        return request.plan(self._published(request.image) if request.image else None, new_id(), of_components)

    def published(self, word: str) -> PublishedImage:
        """The image that a word (`nest`, `nest:25.04`, a reference) names in this site's registry. Raises UsageError if there is none."""
        return self._published(image.parse(word))

    def start(
        self,
        planned: Plan,
        *,
        runs: Path = RUNS,
        display: Display | None = None,
        rerun_of: str | None = None,
        connection: Connection | None = None,
    ) -> Run:
        """Prepare a run: write its record and files below `runs`, without submitting it. `connection`: an open one to use."""
        connection = connection or self.connect()
        folder = runs / planned.run_id
        known = prepare(planned, self.backend.run_job(planned), folder, rerun_of=rerun_of, notice=(display or Silent()).progress)
        return Run(known, folder, connection, poll_s=self.config.poll_s, display=display, site=self.config)

    def start_many(self, plans: Iterable[Plan], *, runs: Path = RUNS, display: Display | None = None) -> Iterator[Run]:
        """Prepare a run of each plan, one after the other, over one connection."""
        connection = self.connect()
        for one in plans:
            yield self.start(one, runs=runs, display=display, connection=connection)

    def submit(  # noqa: PLR0913 - the whole of a run, by keyword
        self,
        script: Path | str,
        arguments: Sequence[str] = (),
        *,
        image: str | None = None,
        mode: Mode | None = None,
        nodes: int = 1,
        tasks_per_node: int = 1,
        threads: int = 1,
        time_s: int | None = None,
        inputs: Sequence[Path | str] = (),
        partition: str | None = None,
        account: str | None = None,
        tags: Sequence[str] = (),
        name: str | None = None,
        environment: Mapping[str, str] | None = None,
        hardware_config: Mapping[str, hardware.Value] | None = None,
        post: Path | str | None = None,
        runs: Path = RUNS,
    ) -> Run:
        """Submit a script and return at once; `wait()` of the result follows the run to its end. The record is in `runs/<id>/`.

        `tasks_per_node`: MPI ranks; `threads`: threads of each rank; `time_s`: the job's time limit in seconds; `hardware_config`: settings
        of a neuromorphic machine, over those of the site's file. Raises UsageError for a request that the site cannot run, ToolError if the
        site or the registry refuses it or stays silent.
        """
        shape = Shape(nodes, tasks_per_node, threads)
        files = tuple(Path(path) for path in inputs)
        variables = tuple((environment or {}).items())
        behind = None if post is None else Path(post)
        asked = (shape, time_s, mode, files, partition, account, tuple(tags), name, variables)
        settings = tuple((hardware_config or {}).items())
        request = Request(Path(script), tuple(arguments), image, *asked, behind, (runs,), hardware=settings)
        run = self.start(self.plan(request), runs=runs)
        run.submit()
        return run

    def runs(self, tag: str | None = None, *, folder: Path = RUNS) -> Runs:
        """The runs at this site with a record in `folder`, in the order of submission; with `tag`, only the runs that have it."""
        found = (one for run_id in record.known(folder) if (one := _readable(folder, run_id)) and one.site == self.config.name)
        wanted = sorted((one.states[0].time, one.id) for one in found if tag is None or tag in one.tags)
        return self.these([run_id for _, run_id in wanted], folder=folder)

    def these(self, ids: Sequence[str], *, folder: Path = RUNS) -> Runs:
        """The runs with these ids."""
        return Runs(ids, folder, self.connect, lambda run_id, connection: self.run(run_id, runs=folder, connection=connection))

    def __repr__(self) -> str:
        return f"<Site {self.config.name}: {self.config.description}>"

    def run(
        self,
        run_id: str,
        *,
        runs: Path = RUNS,
        display: Display | None = None,
        connection: Connection | None = None,
        sleep: Sleep = nap.sleep,
    ) -> Run:
        """A run from an earlier submission, by its id. Raises UsageError for an unknown id."""
        known = record.load(runs, run_id)
        here = connection or self.connect()
        return Run(known, runs / run_id, here, poll_s=self.config.poll_s, display=display, sleep=sleep, site=self.config)

    def _repr_html_(self) -> str:
        shown = ("description", "kind", "mpi", "partition", "modules", "target", "backend", "limits")
        return tables.table(f"site {self.config.name}", [(name, getattr(self.config, name)) for name in shown])

    def _published(self, wanted: ImageWord | ImageReference) -> PublishedImage:
        there = wanted.at(self.endpoint.registry, self.config.repository) if isinstance(wanted, ImageWord) else wanted
        return self.look_up(there, self.endpoint)


def _readable(folder: Path, run_id: str) -> RunRecord | None:
    try:
        return record.own(folder, run_id)
    except EsdError:
        return None


def numbered(planned: Plan, count: int) -> Iterator[Plan]:
    """`count` runs of a plan. If there are several, each finds its number, from 0, in `$ESD_RUN_INDEX`."""
    yield from (planned,) if count == 1 else (replace(planned, run_id=new_id(), index=number) for number in range(count))


def new_id() -> str:
    """A new run's id: date and time (UTC), and random digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
