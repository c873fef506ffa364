"""What a site reports about itself, by a small job on a login node and one on a compute node, compared with its file. Pure except `ask`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import archspec.cpu
import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.whole import write_whole
from esd_build.tools import minimum
from esd_deploy.backends.connection import Connection
from esd_deploy.errands import errand
from esd_deploy.plans.job import Place
from esd_deploy.sites.config import Partition, SiteConfig


class Probe(BaseModel):
    """A site's report about itself, and its time; None or empty: not reported. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    time: datetime
    login_host: str | None = None
    compute_host: str | None = None
    architecture: str | None = None
    targets: tuple[str, ...] = ()
    cores: int | None = None
    mpi_plugins: tuple[str, ...] = ()
    mpi_default: str | None = None
    slurm: str | None = None
    apptainer: str | None = None
    compute_apptainer: str | None = None
    user_namespaces: bool | None = None
    modules: tuple[str, ...] = ()
    partitions: dict[str, int | None] = {}
    scratch: str | None = None
    scratch_free: int | None = None
    scratch_shared: bool | None = None

    @property
    def target(self) -> str | None:
        """The most specific target of the nodes' processor."""
        return self.targets[-1] if self.targets else None


def ask(connection: Connection, config: SiteConfig, *, compute: bool = True) -> Probe:
    """Run the probe at the site, by default also on a compute node.

    Raises UsageError for a partition that the site does not have, ToolError if the site does not run the probe.
    """
    login = sections(_said(connection, config, "login"))
    if compute:
        _require_partition(config, _partitions(login.get("partitions", "")))
    node = _said(connection, config, "compute") if compute else ""
    return understood(login, sections(node), datetime.now(UTC))


def _require_partition(config: SiteConfig, there: Mapping[str, int | None]) -> None:
    """Asked before a job is sent into it: a server tells a wrong partition and a lost job in the same words."""
    if config.partition and there and config.partition not in there:
        raise UsageError(
            f"site '{config.name}' has no partition '{config.partition}'; it says that there is: {', '.join(there)}. "
            "Correct `partition` in its file, or give --partition"
        )


def _said(connection: Connection, config: SiteConfig, place: Place) -> str:
    answer = errand.run(connection, errand.of("probe.sh", config, place=place))
    if answer.exit_code != 0:
        raise ToolError(f"site '{config.name}': the probe ended with {answer.exit_code}: {answer.stderr.strip()}")
    return answer.stdout


def sections(text: str) -> dict[str, str]:
    """Section → its output."""
    parts = re.split(r"(?m)^== (\w+)\n", text)
    return {name: content.strip() for name, content in zip(parts[1::2], parts[2::2], strict=False)}


def understood(login: Mapping[str, str], node: Mapping[str, str], time: datetime) -> Probe:
    """The report in these sections."""
    where = node or login
    return Probe(
        time=time,
        login_host=login.get("host") or None,
        compute_host=node.get("host") or None,
        architecture=where.get("architecture") or None,
        targets=_targets(where.get("cpu", ""), where.get("architecture", "")),
        cores=_number(where.get("cores", "")),
        mpi_plugins=_plugins(login.get("mpi", "")),
        mpi_default=_after("=", login.get("mpi_default", "")),
        slurm=minimum.said(login.get("slurm", "")),
        apptainer=minimum.said(login.get("apptainer", "")),
        compute_apptainer=minimum.said(node.get("apptainer", "")),
        user_namespaces=("allowed" in where["namespaces"]) if "namespaces" in where else None,
        modules=tuple(line.strip() for line in login.get("modules", "").splitlines() if re.fullmatch(r"\S+/\S+", line.strip())),
        partitions=_partitions(login.get("partitions", "")),
        scratch=login.get("scratch") or None,
        scratch_free=_number(login.get("free", "").splitlines()[-1] if login.get("free") else ""),
        scratch_shared=(login.get("scratch") == node.get("scratch") and "free" in node) if node else None,
    )


@dataclass(frozen=True)
class Difference:
    """A key of the site's file, and what the site says instead."""

    key: str
    value: str | bool | Partition | None

    @property
    def plain(self) -> object:
        """The value in JSON types, for printing."""
        return self.value.model_dump(exclude_unset=True) if isinstance(self.value, Partition) else self.value


def differences(config: SiteConfig, probe: Probe) -> tuple[Difference, ...]:
    """Where the site contradicts its file: the patch for a maintainer."""
    patch: dict[str, str | bool | Partition | None] = {}
    if probe.mpi_plugins and config.mpi not in probe.mpi_plugins:
        patch["mpi"] = f"one of {', '.join(probe.mpi_plugins)}"
    if probe.targets and config.target not in probe.targets:
        patch["target"] = probe.target
    if probe.partitions and config.partition not in {None, *probe.partitions}:
        patch["partition"] = f"one of {', '.join(probe.partitions)}"
    for name in probe.partitions:
        if config.partitions and name not in config.partitions:
            patch[f"partitions.{name}"] = Partition(time_s=probe.partitions[name])
    if probe.scratch is None:
        patch["scratch"] = f"${config.scratch} is not set there"
    if config.sharens and probe.apptainer and minimum.older(probe.apptainer, minimum.APPTAINER):
        patch["sharens"] = False
    missing = [module for module in config.modules if probe.modules and module not in probe.modules]
    if missing:
        patch["modules"] = f"no {', '.join(missing)}; there is {', '.join(probe.modules) or 'none that looks like it'}"
    return tuple(Difference(key, value) for key, value in patch.items())


class Kept(BaseModel):
    """A report and the server that gave it: two site files in different folders may have one name."""

    server: str
    probe: Probe


def save(site: str, server: str, probe: Probe, *, folder: Path | None = None) -> Path:
    """Keep a site's report for the preflight of later runs. `server`: `Endpoint.server`."""
    path = _path(site, folder)
    write_whole(path, Kept(server=server, probe=probe).model_dump_json(indent=2) + "\n")
    return path


def known(site: str, server: str, *, folder: Path | None = None) -> Probe | None:
    """The site's last report on this machine, if this server gave it."""
    try:
        kept = Kept.model_validate_json(_path(site, folder).read_bytes())
    except (OSError, ValidationError):
        return None
    return kept.probe if kept.server == server else None


def _path(site: str, folder: Path | None) -> Path:
    return (folder or Path(platformdirs.user_cache_dir("esd-images")) / "probes") / f"{site}.json"


def _targets(cpu: str, architecture: str) -> tuple[str, ...]:
    """The archspec targets whose programs run on this processor, the most specific last; none if its features are unknown."""
    features = next((line for line in cpu.splitlines() if line.startswith(("flags", "Features"))), "")
    flags = set((_after(":", features) or "").split())
    vendor = _after(":", next((line for line in cpu.splitlines() if line.startswith("vendor_id")), "")) or "generic"
    if not flags:
        return ()
    # Not a subset test: some features have another name in /proc/cpuinfo, which only `in` knows.
    processor = archspec.cpu.Microarchitecture("", [], vendor, flags, {})
    fitting = [
        target
        for target in archspec.cpu.TARGETS.values()
        if target.family.name == architecture
        and target.vendor in {vendor, "generic"}
        and all(feature in processor for feature in target.features)
    ]
    return tuple(target.name for target in sorted(fitting, key=lambda target: (target.vendor == vendor, len(target.features))))


def _plugins(text: str) -> tuple[str, ...]:
    """The plugins in `srun --mpi=list`: one a line after a heading; the last line has versions of PMIx. None without a heading."""
    _, heading, body = [*re.split(r"(?i)(MPI (?:plugin )?types are\.*)", text, maxsplit=1), "", ""][:3]
    if not heading:
        return ()
    words = re.findall(r"\b[a-z][a-z0-9_]*\b", re.sub(r"(?i)specific \w+ plugin versions available:|srun:", " ", body))
    return tuple(dict.fromkeys(word for word in words if word != "none"))


def _partitions(text: str) -> dict[str, int | None]:
    """Name → longest run time in seconds, None without a limit."""
    rows = (line.split("|") for line in text.splitlines() if line.count("|") >= 5)
    return {row[0]: _seconds(row[1]) for row in rows}


def _seconds(text: str) -> int | None:
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*\d+\s*", text) else None


def _after(mark: str, text: str) -> str | None:
    return text.partition(mark)[2].strip() or None
