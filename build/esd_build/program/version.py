"""The version of esd-images, as its package says."""

DISTRIBUTION = "esd-images"


def told(program: str) -> str:
    """What `--version` prints; code that was never installed has no version."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only `--version` asks

    try:
        return f"{program} {version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return f"{program} (not installed: run from its source)"
