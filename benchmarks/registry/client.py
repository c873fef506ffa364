"""Our registry client as a program of its own, to be measured and to be killed: push|pull HOST CA UNFINISHED FILE."""

import sys
from pathlib import Path

from esd_build.data.reference import ImageReference
from esd_build.registry import Registry


def main() -> None:
    """Push a file, or pull it back."""
    action, host, ca_file, unfinished, file = sys.argv[1:]
    registry = Registry(host, ca_file=Path(ca_file), unfinished=Path(unfinished))
    reference = ImageReference.parse(f"{host}/esd/ours:edge")
    if action == "push":
        registry.push(Path(file), reference, {})
    else:
        registry.pull(registry.resolve(reference), Path(file))


main()
