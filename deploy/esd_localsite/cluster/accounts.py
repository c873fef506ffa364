"""The users of the site: the job user, further users, and their passwords."""

import os
import pwd
import secrets
from collections.abc import Mapping
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import UserEntry, UsersFile
from esd_localsite.state.files import write
from esd_localsite.state.layout import JOB_USER, Layout
from esd_localsite.state.options import SiteOptions, UserOption


def account(name: str) -> pwd.struct_passwd:
    """The machine's account of that name. Raises LocalSiteError if it does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise LocalSiteError(f"this machine has no user '{name}', which the local site needs; `make setup` creates it") from error


def calling_user(environment: Mapping[str, str]) -> int | None:
    """The user id of the person behind sudo; None if there was no sudo."""
    uid = environment.get("SUDO_UID", "")
    return int(uid) if uid.isdecimal() else None


def keep_password(file: Path, owner: int | None) -> str:
    """A password, created on first use and kept in `file`, which then belongs to `owner` (root can read it anyway)."""
    try:
        password = file.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(24)
        write(file, password + "\n", mode=0o600, owner=owner)
    if owner is not None:
        os.chown(file, owner, -1)
    return password


def keep_user_password(layout: Layout, user: UserOption, owner: int | None) -> str:
    """A further user's password: from the user's file, or the one that the site made."""
    if user.password_file is None:
        return keep_password(layout.password_of(user.name), owner)
    try:
        password = user.password_file.read_text().strip()
    except OSError as error:
        raise LocalSiteError(f"cannot read the password of '{user.name}' from {user.password_file}: {error.strerror}") from error
    if not password:
        raise LocalSiteError(f"{user.password_file}, the password of '{user.name}', is empty")
    return password


def keep_passwords(layout: Layout, options: SiteOptions, owner: int | None) -> dict[str, str]:
    """All passwords by user. The site creates missing ones on first use."""
    further = {user.name: keep_user_password(layout, user, owner) for user in options.users}
    return {JOB_USER: keep_password(layout.password, owner), **further}


def users_document(passwords: Mapping[str, str]) -> str:
    """The UNICORE endpoint's users file. It holds passwords only as salted hashes; each account has the user's name."""
    users = UsersFile({name: UserEntry.of(password, name) for name, password in passwords.items()})
    return users.model_dump_json(indent=2) + "\n"
