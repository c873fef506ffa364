"""The version of esd-images, as its package says."""

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "esd-images"


def told(program: str) -> str:
    """What `--version` prints; code that was never installed has no version."""
    try:
        return f"{program} {version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return f"{program} (not installed: run from its source)"
