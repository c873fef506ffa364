"""What the queue can run: one container image for each platform."""

from dataclasses import dataclass

SPINNAKER_SETTINGS = """\
[Machine]
virtual_board = True
version = 5
"""
"""sPyNNaker's configuration without hardware: it partitions, places and routes networks for one board, and runs nothing."""

EMULATED_SETTINGS = """\
[Machine]
version = 3
post_simulation_overrun_before_error = 86400000
"""
"""sPyNNaker's configuration for the emulated board; the job's script adds the address. The emulation is slow: it may take a day."""
EMULATED_NOTE = (
    "local site: this was an emulated SpiNNaker board: "
    "the programs of sPyNNaker ran on emulated processors; times and energies say nothing."
)

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
"""The unit in which the service charges, by platform."""
QUEUES = ("BrainScaleS", "BrainScaleS-ESS", "Spikey", "SpiNNaker", "BrainScaleS-2")
"""The queues whose length the service reports, in its order."""


@dataclass(frozen=True)
class Platform:
    """One hardware platform, as clients name it."""

    name: str
    system: str
    """The value of `{system}` in a command: PyNN's name of the simulator."""
    settings: str = ""
    """Text of `.spynnaker.cfg` in the job's home."""
    note: str = ""
    """What a user must know about the results; printed at the end of each log."""
    emulation: bool = False
    """An emulated board runs before the program, at the address that the script adds to the settings."""


EMULATED = Platform("SpiNNaker", "spiNNaker", EMULATED_SETTINGS, EMULATED_NOTE, emulation=True)
"""The platform SpiNNaker for jobs with `hardware_config: {"emulated": true}`."""

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
