"""Other people's clients, unmodified, against a local site."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the foreign tests are: they are not ours to keep here."""
    parser.addoption("--pyunicore-tests", type=Path, help="a checkout of pyunicore: its tests/integration are run")
    parser.addoption("--nmpi-client", type=Path, help="a folder that the package hbp-neuromorphic-platform was installed into")
