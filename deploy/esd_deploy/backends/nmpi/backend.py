"""`kind: nmpi`: how a run becomes a job of a neuromorphic queue."""

from esd_deploy.backends.connection import Connection
from esd_deploy.backends.nmpi import job
from esd_deploy.backends.nmpi.connection import NmpiConnection
from esd_deploy.plans.job import SiteJob
from esd_deploy.plans.plan import Plan
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.endpoint import Endpoint


class NmpiBackend:
    """A neuromorphic job queue (EBRAINS NMPI, version 3)."""

    def connect(self, endpoint: Endpoint) -> Connection:
        return NmpiConnection.open(endpoint)

    def run_job(self, plan: Plan) -> SiteJob:
        return SiteJob(job.description(plan), plan.own_files)

    def neuromorphic_platform(self, site: SiteConfig) -> str | None:
        return site.nmpi.platform if site.nmpi else None


BACKEND = NmpiBackend()
