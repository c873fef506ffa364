"""Small jobs that answer a question about a site: one shell script, its output, and nothing left behind."""

import secrets

from esd_build.data.errors import UsageError
from esd_deploy.plans.job import JobSpec, Place, own_files
from esd_deploy.plans.limits import most
from esd_deploy.runs.errand import Answer, run
from esd_deploy.sites.config import SiteConfig

__all__ = ["Answer", "of", "run"]

_TIME_S = 300


def of(name: str, site: SiteConfig, environment: tuple[tuple[str, str], ...] = (), *sourced: str, place: Place = "login") -> JobSpec:
    """One of the scripts in job/ with its parameters, on a login node or on one compute node; `sourced` are the scripts that it reads.

    `site` is settled (limits.py). Raises UsageError for a site that runs nothing there.
    """
    if place == "login" and not site.login_node:
        raise UsageError(f"site '{site.name}' runs nothing on its login nodes (`login_node` in its configuration)")
    return JobSpec(
        site=site,
        tags=(f"esd-errand-{secrets.token_hex(8)}",),
        name="errand",
        script=f"esd/{name}",
        files=own_files(name, *sourced),
        place=place,
        time_s=min(_TIME_S, most(site).time_s),
        environment=environment,
    )
