"""Who the site knows: the job user, and the password of the one UNICORE user."""

import os
import pwd
import secrets
from collections.abc import Mapping

from esd_localsite.errors import LocalSiteError
from esd_localsite.files import write
from esd_localsite.layout import JOB_USER, Layout
from esd_localsite.unicore.users import UserEntry, UsersFile


def account(name: str) -> pwd.struct_passwd:
    """The machine's account of that name. Raises LocalSiteError where there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise LocalSiteError(f"this machine has no user '{name}', which the local site needs; `make setup` creates it") from error


def calling_user(environment: Mapping[str, str]) -> int | None:
    """The user id of the person behind sudo; None where there was no sudo."""
    uid = environment.get("SUDO_UID", "")
    return int(uid) if uid.isdecimal() else None


def keep_password(layout: Layout, owner: int | None) -> str:
    """The site's password, made on first use and kept; its file is given to `owner` (root reads it anyway)."""
    try:
        password = layout.password.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(24)
        write(layout.password, password + "\n", mode=0o600, owner=owner)
    if owner is not None:
        os.chown(layout.password, owner, -1)
    return password


def users_document(password: str) -> str:
    """The UNICORE endpoint's users file: the password only as a salted hash."""
    users = UsersFile({JOB_USER: UserEntry.of(password, JOB_USER)})
    return users.model_dump_json(indent=2) + "\n"
