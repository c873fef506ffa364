"""Runs programs at EBRAINS sites, from images pinned by digest, and keeps a record of what ran."""

TYPE_CHECKING = False  # `esd-deploy` loads this first: `typing` takes a hundredth of a second, in which Ctrl-C would print a traceback
if TYPE_CHECKING:
    from esd_deploy.runs.aio import gather
    from esd_deploy.runs.site import Site
    from esd_deploy.several.sweep import sweep

__all__ = ["Site", "gather", "sweep"]


def __getattr__(name: str) -> object:
    """Loads names on first use: `esd-deploy` must be able to report an interruption while it loads."""
    if name == "gather":
        from esd_deploy.runs.aio import gather  # noqa: PLC0415

        return gather
    if name == "Site":
        from esd_deploy.runs.site import Site  # noqa: PLC0415

        return Site
    if name == "sweep":
        from esd_deploy.several.sweep import sweep  # noqa: PLC0415

        return sweep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
