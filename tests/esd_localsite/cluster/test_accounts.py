import stat
from pathlib import Path

import pytest

from esd_localsite.cluster.accounts import account, calling_user, keep_password, users_document
from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import UsersFile
from esd_localsite.state.layout import Layout


def test_the_person_behind_sudo() -> None:
    assert calling_user({"SUDO_UID": "1000"}) == 1000
    assert calling_user({}) is None
    assert calling_user({"SUDO_UID": "; rm"}) is None


def test_an_account_that_is_missing_is_named() -> None:
    with pytest.raises(LocalSiteError, match=r"no user 'no-such-user'.*make setup"):
        account("no-such-user")


def test_the_password_is_private_and_kept(tmp_path: Path) -> None:
    layout = Layout("demo", root=tmp_path)
    layout.state.mkdir()
    first = keep_password(layout.password, None)
    assert len(first) >= 32
    assert stat.S_IMODE(layout.password.stat().st_mode) == 0o600
    assert keep_password(layout.password, None) == first


def test_the_endpoint_accepts_the_password_whose_hash_it_gets() -> None:
    document = users_document({"esd": "correct horse"})
    entry = UsersFile.model_validate_json(document).root["esd"]
    assert "correct" not in document
    assert entry.accepts("correct horse")
    assert not entry.accepts("battery staple")
