"""matplotlib lists the machine's fonts by running a program when it is first imported; here, no unit test is the one that does."""

import matplotlib.font_manager  # noqa: F401
