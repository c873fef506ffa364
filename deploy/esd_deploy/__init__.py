"""Runs programs at EBRAINS sites, from images pinned by digest, and keeps a record of what ran."""

from esd_deploy.runs.aio import gather
from esd_deploy.runs.site import Site

__all__ = ["Site", "gather"]
