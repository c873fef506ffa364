import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.programs import require_programs


def test_all_missing_programs_are_named_with_their_packages() -> None:
    there = {"setpriv", "slurmctld", "slurmd", "sinfo", "mount", "setsid", "unshare", "nsenter", "ip"}
    with pytest.raises(LocalSiteError) as caught:
        require_programs(find=lambda name: f"/usr/bin/{name}" if name in there else None)
    assert str(caught.value) == (
        "the local site needs munged, docker-registry (Debian packages: docker-registry munge); `make setup` installs them"
    )


def test_nothing_missing() -> None:
    require_programs(find=lambda name: f"/usr/bin/{name}")
