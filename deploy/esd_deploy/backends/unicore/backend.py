"""`kind: unicore`: how a run becomes a job of Slurm behind UNICORE."""

from esd_deploy.backends.connection import Connection
from esd_deploy.backends.unicore import job
from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.plans import run_job
from esd_deploy.plans.job import SiteJob
from esd_deploy.plans.plan import Plan
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.endpoint import Endpoint


class UnicoreBackend:
    """Slurm behind UNICORE."""

    def connect(self, endpoint: Endpoint) -> Connection:
        return UnicoreConnection.open(endpoint)

    def run_job(self, plan: Plan) -> SiteJob:
        return job.job(run_job.spec(plan))

    def neuromorphic_platform(self, site: SiteConfig) -> str | None:  # noqa: ARG002 - as the port has it
        return None


BACKEND = UnicoreBackend()
