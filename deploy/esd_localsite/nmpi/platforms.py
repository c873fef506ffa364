"""What the queue can run: one container image for each platform."""

from dataclasses import dataclass

SPINNAKER_SETTINGS = """\
[Machine]
virtual_board = True
version = 5
"""
"""sPyNNaker's configuration for no hardware: networks are partitioned, placed and routed for one board, and nothing runs."""

UNITS = {
    "BrainScaleS": "wafer-hours",
    "BrainScaleS-2": "chip-hours",
    "SpiNNaker": "core-hours",
    "BrainScaleS-ESS": "hours",
    "Spikey": "hours",
    "TestPlatform": "bushels",
    "Test": "litres",
    "Demo": "hours",
}
"""What the service charges in, by platform."""
QUEUES = ("BrainScaleS", "BrainScaleS-ESS", "Spikey", "SpiNNaker", "BrainScaleS-2")
"""The queues whose length the service tells, in its order."""


@dataclass(frozen=True)
class Platform:
    """One hardware platform, as clients name it."""

    name: str
    system: str
    """What `{system}` in a command stands for: PyNN's name of the simulator."""
    settings: str = ""
    """Text of `.spynnaker.cfg` in the job's home."""
    note: str = ""
    """What a user must know of the results; stands at the end of each log."""


PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform("Demo", "nest"),
        Platform(
            "SpiNNaker",
            "spiNNaker",
            SPINNAKER_SETTINGS,
            "local site: this was a virtual SpiNNaker board: the network was mapped to it, nothing ran, there are no spikes.",
        ),
    )
}
