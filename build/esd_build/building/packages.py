"""Lists of Debian packages, `name=version` a line: what an image contains (`/opt/esd/packages.txt`), what is recorded (`apt.lock`)."""

from collections.abc import Mapping, Sequence


def parse(text: str) -> Mapping[str, str]:
    """Name → version; comments and other lines are passed over."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def differences(recorded: Mapping[str, str], found: Mapping[str, str]) -> Sequence[str]:
    """What is otherwise than recorded, a line for each package; nothing if nothing is recorded."""
    if not recorded:
        return ()
    names = sorted(recorded.keys() | found.keys())
    return tuple(
        f"{name}: {recorded.get(name, 'not recorded')} → {found.get(name, 'not there')}"
        for name in names
        if recorded.get(name) != found.get(name)
    )
