"""What `up` writes for the real server before anything starts."""

import getpass
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from esd_localsite.cluster import accounts, certificates
from esd_localsite.cluster.site_accounts import known_accounts
from esd_localsite.cluster.unicore_config import endpoint_config
from esd_localsite.errors import LocalSiteError
from esd_localsite.files.processes import Account
from esd_localsite.state.files import make_folder, write
from esd_localsite.state.layout import SERVER_USER, Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.unicorex import configuration
from esd_localsite.unicorex.front_config import FrontConfig
from esd_localsite.unicorex.places import SERVER, TSI, Places
from esd_localsite.unicorex.policy import policy
from esd_localsite.unicorex.programs import jars
from esd_localsite.unicorex.programs.java import find_java
from esd_localsite.unicorex.programs.tsi import install_tsi
from esd_localsite.unicorex.users import password_lines


def provide(layout: Layout, tsi: Path | None, environment: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Finds Java, the server's programs and the TSI before anything else, because they may be missing. Raises LocalSiteError."""
    places = Places(layout)
    find_java()
    make_folder(places.folder)
    jars.provide(places.jars, jars.UNICOREX, environment, progress)
    if layout.needs_root:
        install_tsi(tsi, places.jars, places.tsi, progress)


def configure(layout: Layout, plan: SitePlan, environment: Mapping[str, str]) -> None:
    """Write all files of the server, the TSI and the front; call it after the site's own preparation."""
    places, owner = Places(layout), _server_id(layout)
    passwords = accounts.keep_passwords(layout, plan.options, accounts.calling_user(environment))
    for folder in (places.configuration, places.trusted, places.policies):
        make_folder(folder)
    make_folder(places.data, mode=0o700, owner=owner)
    secret = _token_secret(places)
    write(places.main, configuration.server_properties(places, plan, secret, Path.home()), mode=0o400, owner=owner)
    write(places.passwords, password_lines(passwords), mode=0o400, owner=owner)
    account = None if layout.needs_root else getpass.getuser()
    write(places.accounts, configuration.accounts_document(passwords, account, groups_of))
    write(places.applications, configuration.applications(plan, os.cpu_count() or 1))
    write(places.logging, configuration.LOGGING)
    write(places.policies / "policy.xml", policy())
    write(places.policy_settings, configuration.policy_settings(places))
    if layout.needs_root:
        write(places.tsi_settings, configuration.tsi_properties(places, plan), mode=0o600)
    _certify(layout, owner)
    front = FrontConfig(
        endpoint=endpoint_config(layout, plan),
        upstream=f"https://127.0.0.1:{plan.ports.server}",
        ca_file=layout.tls.ca,
    )
    write(places.front, front.model_dump_json(indent=2), mode=0o600)


def groups_of(account: str) -> tuple[str, ...]:
    """The machine's groups of an account; one that exists inside the site alone has only its own."""
    try:
        return Account.of(account).group_names
    except LocalSiteError:
        return (account,)


def _server_id(layout: Layout) -> int:
    """The server's user id."""
    return known_accounts(layout.homes)[SERVER_USER] if layout.needs_root else os.geteuid()


def _certify(layout: Layout, owner: int) -> None:
    """Certificates of the server (key and certificate in one file) and of the TSI, by which they recognize each other."""
    places, authority = Places(layout), certificates.certificate_authority(layout.tls)
    certificates.issue(authority, layout.tls, SERVER, owner)
    key, certificate = layout.tls.key(SERVER), layout.tls.certificate(SERVER)
    write(places.credential, key.read_bytes() + certificate.read_bytes(), mode=0o400, owner=owner)
    write(places.trusted / "ca.pem", layout.tls.ca.read_bytes())
    if layout.needs_root:
        certificates.issue(authority, layout.tls, TSI, 0)


def _token_secret(places: Places) -> str:
    """The key that signs the server's tokens."""
    if not places.secret.exists():
        write(places.secret, secrets.token_hex(32) + "\n", mode=0o600)
    return places.secret.read_text().strip()
