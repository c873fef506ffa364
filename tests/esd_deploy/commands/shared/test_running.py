"""What a user is told who loses a site, or a login, while a run goes on."""

from pathlib import Path

import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.commands.shared.running import going_on


@pytest.mark.parametrize("kind", [ToolError, UsageError])
def test_it_names_the_run_and_how_to_come_back_and_keeps_the_kind(kind: type[Exception]) -> None:
    again = r"(?s)the login has ended.*`esd-deploy attach run-7 --output /elsewhere` takes it up again"
    with pytest.raises(kind, match=again), going_on("run-7", Path("/elsewhere")):
        raise kind("the login has ended")
