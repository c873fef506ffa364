"""The Python interface: `Site.load("local").submit("net.py", image="nest", nodes=2).wait()`."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esd_build.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy import image, record
from esd_deploy.catalogue import Catalogue, load_site
from esd_deploy.config import SiteConfig
from esd_deploy.connection import Connection
from esd_deploy.display import Display
from esd_deploy.endpoint import Endpoint, resolve
from esd_deploy.launch import Shape
from esd_deploy.plan import Plan, Request, check, plan
from esd_deploy.run import Run
from esd_deploy.unicore import UnicoreConnection

RUNS = Path("runs")


@dataclass(frozen=True)
class Site:
    """A place that runs jobs, and the caller's access to it."""

    config: SiteConfig
    endpoint: Endpoint
    connect: Callable[[Endpoint], Connection] = UnicoreConnection.open
    look_up: Callable[[ImageReference, Endpoint], PublishedImage] = image.resolve

    @classmethod
    def load(cls, name: str, *, token: str | None = None) -> "Site":
        """A site of the catalogue (or a path to a site's YAML file); `token` goes before the configured credentials.

        Raises UsageError for an unknown name, ConfigError for a wrong file, ToolError where a local site is not up.
        """
        config, _ = load_site(name)
        return cls(config, resolve(config, token=token))

    def plan(self, request: Request) -> Plan:
        """What a run would do, with the image's digest as the registry gives it now; nothing is submitted."""
        check(request, self.config)
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        pinned = self.look_up(self._reference(request.image), self.endpoint) if request.image else None
        return plan(request, self.config, pinned, run_id)

    def start(self, planned: Plan, *, runs: Path = RUNS, display: Display | None = None) -> Run:
        """A run that is written down under `runs`, but not submitted yet."""
        connection = self.connect(self.endpoint)
        folder = runs / planned.run_id
        return Run(Run.prepare(planned, folder), folder, connection, poll_s=self.config.poll_s, display=display)

    def submit(  # noqa: PLR0913 - the whole of a run, by keyword
        self,
        script: Path | str,
        arguments: Sequence[str] = (),
        *,
        image: str | None = None,
        nodes: int = 1,
        tasks_per_node: int = 1,
        threads: int = 1,
        time_s: int | None = None,
        runs: Path = RUNS,
    ) -> Run:
        """Submit a script and return at once; `wait()` of the result follows it to its end. The record is in `runs/<id>/`."""
        shape = Shape(nodes, tasks_per_node, threads)
        run = self.start(self.plan(Request(Path(script), tuple(arguments), image, shape, time_s)), runs=runs)
        run.submit()
        return run

    def run(self, run_id: str, *, runs: Path = RUNS, display: Display | None = None) -> Run:
        """A run that was submitted before, by its id; raises UsageError for an unknown one."""
        known = record.load(runs, run_id)
        return Run(known, runs / run_id, self.connect(self.endpoint), poll_s=self.config.poll_s, display=display)

    def _reference(self, word: str) -> ImageReference:
        known = Catalogue.find().image_names
        return image.reference(word, registry=self.endpoint.registry, repository=self.config.repository, known=known)
