"""From a request to exact command lines: pure."""
