"""The peripherals of a chip and of its cores, one module each. A register that is not emulated raises NotEmulatedError with its name."""
