"""An emulated SpiNNaker board: SCP over UDP for the host, and emulated ARM968 cores for its programs. No hardware is involved.

Addresses, register numbers and record layouts follow the public header files of the SpiNNaker low-level tools
(SpiNNakerManchester/spinnaker_tools, version 4.0.0: `spinnaker.h`, `sark.h`) and the SpiNNaker datasheet. No text was copied from them.
docs/explanation/emulated-spinnaker.md lists what is emulated, and how far.
"""
