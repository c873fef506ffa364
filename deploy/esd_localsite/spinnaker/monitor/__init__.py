"""The monitor of each chip: what SC&MP does on core 0 of a real chip, done by this program, command by command."""
