"""How a run becomes a job at a site: one backend for each `kind` of site, chosen here.

To add a kind: make a folder here whose `backend.py` has a `BACKEND`, name it in `_MODULES`, and add its name, modes and required keys to
sites/config.py. No other room asks for a site's kind. They know only `Plan` (what to do), `Connection` (what a site must do) and
`RunRecord`:

* `Site` has the backend of its kind, and takes connections and jobs from it. `endpoint` has the address (`endpoint.url`: of UNICORE, or of
  the queue), the certificate authority, and `endpoint.credentials.bearer()`, which returns a valid token at every call.
* `run_job(plan)` is pure: `RunRecord.of` keeps its description, `staging.prepare` writes its files into the run's folder.
* Validations, probes and queries of the image cache run through `connection.script_job(spec)`; a queue runs no shell scripts and raises.
* `Run.submit` calls `connection.find(tag)`, `create(description)`, `upload(job, path, content)` for each file, `start(job)`. A queue whose
  jobs take the script with the submission returns its URL from `create` and does nothing in `upload` and `start`.
* `Run.wait` calls `state` until its `status` is SUCCESSFUL or FAILED (translate the queue's own words), then `files` and `read`.
* The record's `versions` and `metrics` come from `esd/versions.json` and `metrics.json` among the results, if the job wrote them.
"""

from importlib import import_module
from typing import Protocol

from esd_build.data.errors import ConfigError
from esd_build.data.names import nearest
from esd_deploy.backends.connection import Connection
from esd_deploy.plans.job import SiteJob
from esd_deploy.plans.plan import Plan
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.endpoint import Endpoint


class Backend(Protocol):
    """One way of running jobs."""

    def connect(self, endpoint: Endpoint) -> Connection:
        """A live connection; raises ToolError if the site does not answer or refuses the caller."""

    def run_job(self, plan: Plan) -> SiteJob:
        """The job of a run: JSON types only, no secret. Pure."""

    def neuromorphic_platform(self, site: SiteConfig) -> str | None:
        """The neuromorphic hardware of the site, in the queue's words (`SpiNNaker`); None if it has none. Pure."""


_MODULES = {"unicore": "esd_deploy.backends.unicore.backend", "nmpi": "esd_deploy.backends.nmpi.backend"}
"""Kind → the module whose `BACKEND` is its backend; loaded when a site of that kind is used."""


def backend(kind: str) -> Backend:
    """The backend of a kind of site."""
    try:
        found: Backend = import_module(_MODULES[kind]).BACKEND
    except (KeyError, ModuleNotFoundError) as error:
        raise ConfigError(f"sites of kind '{kind}' cannot be used yet; {nearest(kind, _MODULES)}") from error
    return found
