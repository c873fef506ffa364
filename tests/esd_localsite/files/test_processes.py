"""Programs with a job user's rights."""

import os
import pwd
from pathlib import Path

import pytest

from esd_localsite.files.processes import Account, account_of

OTHER = Account("ada", 1234, 1235, (1235, 7), Path("/home/ada"), changes=True)


def test_another_accounts_command_takes_on_its_rights_before_it_runs():
    assert OTHER.command(["sh", "-c", "id"]) == [
        "/usr/bin/setpriv",
        "--reuid=1234",
        "--regid=1235",
        "--groups=1235,7",
        "--",
        "sh",
        "-c",
        "id",
    ]


def test_ones_own_command_stays_as_it_is():
    assert account_of(None).command(["sh"]) == ["sh"]


def test_a_program_that_is_missing_is_told_as_before():
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        OTHER.command(["no-such-program"])


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take on another account")
def test_a_command_has_the_accounts_rights_and_the_given_variables_only(tmp_path):
    entry = pwd.getpwnam("nobody")
    account = Account("nobody", entry.pw_uid, entry.pw_gid, (entry.pw_gid,), Path("/"), changes=True)
    script = "id -u; id -g; id -G; grep ^CapEff /proc/self/status; env | sort"
    said = account.run(["sh", "-c", script], environment={"A": "b c"}, cwd=Path("/"), timeout=10).stdout.splitlines()

    assert said[:3] == [str(entry.pw_uid), str(entry.pw_gid), str(entry.pw_gid)]
    assert "CapEff:\t0000000000000000" in said
    assert {line.split("=")[0] for line in said if "=" in line} - {"_", "PWD", "OLDPWD"} == {"A", *account.environment({})}
