"""The configuration of the server and the TSI as text; pure. The keys are UNICORE's own."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from esd_localsite.cluster.certificates import ORGANISATION
from esd_localsite.state.layout import JOB_USER
from esd_localsite.state.options import PartitionOption, Profile, Speed
from esd_localsite.state.plan import SitePlan
from esd_localsite.unicorex.places import SERVER, Places

_WORKERS = 16
_DEFAULT_RUNTIME_S = 3600


@dataclass(frozen=True)
class Times:
    """The time constants that a site chooses. The two minutes that the server waits for the exit code of a lost job are fixed."""

    status_ms: int
    """How often the server asks the batch system."""
    files_s: int
    """How long a file may take to appear on the shared file system."""
    resubmit_s: int


TIMES = {
    Speed.NORMAL: Times(status_ms=1000, files_s=10, resubmit_s=10),
    Speed.CI: Times(status_ms=500, files_s=2, resubmit_s=1),
    Speed.REALISTIC: Times(status_ms=30_000, files_s=10, resubmit_s=10),
}


Setting: TypeAlias = str | int | Path | None
"""A value in a file of settings."""


def dn(user: str) -> str:
    """A user's distinguished name."""
    return f"CN={user},O={ORGANISATION}"


def properties(entries: Mapping[str, Setting]) -> str:
    """Java's form of a list of settings."""
    return "".join(f"{key}={str(value).replace(chr(92), chr(92) * 2)}\n" for key, value in entries.items())


def server_properties(places: Places, plan: SitePlan, token_secret: str, home: Path) -> str:
    """The server's main file. `home`: the home folder of the embedded TSI's only user."""
    return properties(
        {
            **_network(places, plan),
            **_access(places, plan, token_secret),
            **_storages(places, home),
            **(_remote(plan) if places.layout.needs_root else _EMBEDDED),
            **_jobs(places, TIMES[plan.options.speed]),
        }
    )


def _network(places: Places, plan: SitePlan) -> dict[str, Setting]:
    """Without UNICORE's gateway: the front takes its place, and `externalurl` is the front's."""
    return {
        "container.host": "127.0.0.1",
        "container.port": plan.ports.server,
        "container.externalurl": plan.unicore_url.removesuffix("/rest/core"),
        "container.sitename": plan.unicore_site,
        "container.externalregistry.use": "false",
        "container.security.gateway.enable": "false",
        "container.security.sslEnabled": "true",
        "container.httpServer.requireClientAuthn": "false",
        "container.httpServer.maxThreads": 64,
        "container.security.credential.format": "pem",
        "container.security.credential.path": places.credential,
        "container.security.credential.password": "",
        "container.security.truststore.type": "directory",
        "container.security.truststore.directoryLocations.1": f"{places.trusted}/*.pem",
        "container.security.truststore.crlMode": "IGNORE",
        "container.security.truststore.ocspMode": "IGNORE",
        "container.client.serverHostnameChecking": "FAIL",
        "container.services.lifetime.default.JobManagement": 30 * 24 * 3600,
        "persistence.directory": places.data,
    }


def _access(places: Places, plan: SitePlan, token_secret: str) -> dict[str, Setting]:
    """Passwords and accounts come from files, tokens from the site's issuer, rights from the policy."""
    login, attributes = "container.security.rest.authentication", "container.security.attributes"
    return {
        f"{login}.order": "FILE OAUTH",
        f"{login}.FILE.class": "eu.unicore.services.rest.security.FilebasedAuthenticator",
        f"{login}.FILE.file": places.passwords,
        f"{login}.OAUTH.class": "eu.unicore.services.rest.security.OAuthAuthenticator",
        f"{login}.OAUTH.address": f"{plan.oidc_url}/userinfo",
        f"{login}.OAUTH.validate": "false",
        f"{login}.OAUTH.identityAssign": f'"CN=" + preferred_username + ",O={ORGANISATION}"',
        "container.security.rest.jwt.hmacSecret": token_secret,
        f"{attributes}.order": "FILE",
        f"{attributes}.FILE.class": "eu.unicore.services.aip.file.FileAttributeSource",
        f"{attributes}.FILE.file": places.accounts,
        f"{attributes}.FILE.matching": "strict",
        "container.security.accesscontrol": "true",
        "container.security.accesscontrol.pdp": "eu.unicore.services.pdp.local.LocalHerasafPDP",
        "container.security.accesscontrol.pdpConfig": places.policy_settings,
    }


def _storages(places: Places, home: Path) -> dict[str, Setting]:
    """The home storage, and the folder below which users may make storages. The embedded TSI knows no `$HOME`."""
    kind: dict[str, Setting] = {"type": "HOME"} if places.layout.needs_root else {"type": "FIXEDPATH", "path": home}
    return {
        "coreServices.sms.storage.0.name": "HOME",
        **{f"coreServices.sms.storage.0.{key}": value for key, value in kind.items()},
        "coreServices.sms.enabledFactories": "DEFAULT",
        "coreServices.sms.factory.DEFAULT.description": "Folders beside those of the jobs",
        "coreServices.sms.factory.DEFAULT.path": places.layout.uspace,
    }


def _remote(plan: SitePlan) -> dict[str, Setting]:
    """The TSI, over TLS with certificates on both sides: otherwise everyone with an account could connect and act as any user."""
    return {
        "coreServices.targetsystemfactory.tsiMode": "remote",
        "CLASSICTSI.machine": "127.0.0.1",
        "CLASSICTSI.port": plan.ports.tsi,
        "CLASSICTSI.replyport": plan.ports.tsi_reply,
        "CLASSICTSI.ssl.disable": "false",
        "CLASSICTSI.priveduser": JOB_USER,
        "CLASSICTSI.statusupdate.interval": TIMES[plan.options.speed].status_ms,
        "CLASSICTSI.interactive_execution.disable": str(not plan.options.login_precommand).lower(),
    }


_EMBEDDED: dict[str, Setting] = {
    "coreServices.targetsystemfactory.tsiMode": "embedded",
    "XNJS.localtsi.useShell": "true",
    "XNJS.localtsi.shell": "/bin/bash",
    "XNJS.localtsi.jobLimit": 4,
}


def _jobs(places: Places, times: Times) -> dict[str, Setting]:
    return {
        "XNJS.filespace": places.layout.uspace,
        "XNJS.idbfile": places.applications,
        "XNJS.numberofworkers": _WORKERS,
        "XNJS.staging.filesystemGraceTime": times.files_s,
        "XNJS.bssResubmitDelay": times.resubmit_s,
    }


def tsi_properties(places: Places, plan: SitePlan) -> str:
    """The TSI's settings. It obeys only the server's certificate. Batch jobs do not inherit the login node's variables."""
    tls = places.layout.tls
    return properties(
        {
            "tsi.my_addr": "127.0.0.1",
            "tsi.my_port": plan.ports.tsi,
            "tsi.unicorex_machine": "127.0.0.1",
            "tsi.unicorex_port": plan.ports.tsi_reply,
            "tsi.keystore": tls.key("tsi"),
            "tsi.certificate": tls.certificate("tsi"),
            "tsi.truststore": tls.ca,
            "tsi.allowed_dn.1": f"CN={SERVER}",
            "tsi.disable_ipv6": 1,
            "tsi.use_syslog": 0,
            "tsi.debug": 0,
            "tsi.switch_uid": 1,
            "tsi.open_user_sessions": 0,
            "tsi.enforce_os_gids": 1,
            "tsi.fail_on_invalid_gids": 0,
            "tsi.safe_dir": "/tmp",  # noqa: S108 - where it stands between two commands; it writes nothing there
            "tsi.acl./": "NONE",
            "tsi.submit_cmd": "env -u SSL_CERT_FILE sbatch",
            "tsi.alloc_cmd": "env -u SSL_CERT_FILE salloc --no-shell",
        }
    )


def applications(plan: SitePlan, cpus: int) -> str:
    """Partitions with their limits, and the applications that an installed server has: UNICORE's "IDB"."""
    first = plan.options.partitions[0]
    partitions = {
        option.name: {"IsDefaultPartition": str(option is first).lower(), "Resources": _resources(plan, option, cpus)}
        for option in plan.options.partitions
    }
    script = {"SOURCE": {"Type": "filename"}, "ARGUMENTS": {"Type": "string"}}
    runs = {"Arguments": ["$SOURCE?", "$ARGUMENTS?"], "Parameters": script}
    known = (
        {"Name": "Date", "Version": "1.0", "Executable": "date"},
        {"Name": "Bash shell", "Version": "5.1", "Executable": "/bin/bash", **runs},
        {"Name": "Python script", "Version": "3", "Executable": "/usr/bin/python3", **runs},
    )
    return json.dumps({"Partitions": partitions, "Applications": known}, indent=2) + "\n"


def _resources(plan: SitePlan, option: PartitionOption, cpus: int) -> dict[str, str]:
    longest_s = option.minutes * 60
    nodes = 1 if plan.options.profile is Profile.NOBATCH else len(option.nodes)
    return {
        "Runtime": f"1-{longest_s}:{min(longest_s, _DEFAULT_RUNTIME_S)}",
        "Nodes": f"1-{nodes}:1",
        "CPUsPerNode": f"1-{cpus}",
        "TotalCPUs": f"1-{cpus * nodes}",
        "MemoryPerNode": f"1M-{plan.node_memory_mb}M",
    }


def accounts_document(users: Iterable[str], account: str | None, groups: Callable[[str], Sequence[str]]) -> str:
    """User → role, account and its groups, the first of which is the default.

    `account`: the account of all users; None: each user has an account of the same name. `groups`: those of an account.
    """
    known = {user: account or user for user in users}
    entries = {dn(user): {"role": ["user"], "xlogin": [name], "group": list(groups(name))} for user, name in known.items()}
    return json.dumps(entries, indent=2) + "\n"


LOGGING = """\
appender.CONSOLE.name = CONSOLE
appender.CONSOLE.type = Console
appender.CONSOLE.layout.type = PatternLayout
appender.CONSOLE.layout.pattern = %d [%t] %-5p %c{1} - %m%n
rootLogger.level = info
rootLogger.appenderRef.CONSOLE.ref = CONSOLE
logger.cxf.name = org.apache.cxf
logger.cxf.level = off
"""


def policy_settings(places: Places) -> str:
    """Which policies apply."""
    return properties(
        {"localpdp.directory": places.policies, "localpdp.filesWildcard": "*.xml", "localpdp.combiningAlg": "first-applicable"}
    )
