"""What one job may ask of a site, in the partition and with the account that the caller names. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from esd_build.data.errors import UsageError
from esd_deploy.inputs.content import File, size_of
from esd_deploy.plans.launch import Shape, clock
from esd_deploy.sites.config import Binding, SiteConfig, require_slurm_name


@dataclass(frozen=True)
class Most:
    """The most that one job gets: nodes, seconds, and where that is written."""

    nodes: int
    time_s: int
    where: str


def settled(site: SiteConfig, partition: str | None = None, account: str | None = None) -> SiteConfig:
    """The site with the partition and account that the caller names. Raises UsageError for an unknown partition."""
    if partition and site.partitions and partition not in site.partitions:
        raise UsageError(f"site '{site.name}' has no partition '{partition}'; there is: {', '.join(site.partitions)}")
    chosen = {"partition": partition, "account": account}
    for what, word in chosen.items():
        if word is not None:
            require_slurm_name(word, f"--{what}")
    return site.model_copy(update={name: value for name, value in chosen.items() if value is not None})


def most(site: SiteConfig) -> Most:
    """The limits of a settled site: its own, or those of its partition if they are narrower."""
    partition = site.partitions.get(site.partition or "")
    if partition is None:
        return Most(site.limits.nodes, site.limits.time_s, f"`limits` of site '{site.name}'")
    return Most(
        min(site.limits.nodes, partition.nodes or site.limits.nodes),
        min(site.limits.time_s, partition.time_s or site.limits.time_s),
        f"partition '{site.partition}' of site '{site.name}'",
    )


def check_size(site: SiteConfig, nodes: int | None, time_s: int | None) -> None:
    """Raises UsageError if a job asks for more than it gets; None asks for nothing."""
    limit = most(site)
    if (nodes or 0) > limit.nodes:
        raise UsageError(f"{nodes} nodes asked for, a job gets at most {limit.nodes} ({limit.where})")
    if (time_s or 0) > limit.time_s:
        raise UsageError(f"{clock(time_s or 0)} asked for, a job gets at most {clock(limit.time_s)} ({limit.where})")


def bound(site: SiteConfig, shape: Shape) -> Shape:
    """The shape with the site's own binding in all that the caller does not say; a caller's `hint` replaces the site's `bind`."""
    said, own = dict(shape.binding), dict(site.binding)
    if said["bind"] or said["hint"]:
        own |= {"bind": None, "hint": None}
    return replace(shape, binding=Binding(**(own | {name: one for name, one in said.items() if one})))


def check_gpus(site: SiteConfig, gpus: int) -> None:
    """Raises UsageError if a settled site has fewer GPUs in a node, or cannot be asked for them."""
    if not gpus:
        return
    partition = site.partitions.get(site.partition or "")
    if site.gpu is None or (partition is not None and partition.gpus < gpus):
        have = (
            f"partition '{site.partition}' of site '{site.name}' has {partition.gpus} in a node"
            if partition
            else f"site '{site.name}' has none"
        )
        some = ", ".join(name for name, one in site.partitions.items() if one.gpus >= gpus)
        hint = f"take --partition {some}" if some and site.gpu else "`gpu` and `partitions` in its configuration say what it has"
        raise UsageError(f"--gpus {gpus}: {have}; {hint}")
    if site.submit == "unicore" and site.gpu_resource is None:
        raise UsageError(
            f"--gpus {gpus}: UNICORE's own resource for GPUs does not reach Slurm; name the one of site '{site.name}' by `gpu_resource` "
            "in its configuration, or use `submit: sbatch`"
        )


def check_files(site: SiteConfig, files: Sequence[File]) -> None:
    """Raises UsageError if a run's files together are larger than the site accepts; names the largest with their sizes."""
    total, limit = sum(size_of(content) for _, content in files), site.limits.input_bytes
    if total <= limit:
        return
    largest = sorted(files, key=lambda file: -size_of(file[1]))[:3]
    named = ", ".join((*(f"{name} {size_of(content) / 1e6:,.1f} MB" for name, content in largest), *(["…"] if len(files) > 3 else [])))
    raise UsageError(
        f"the run's {len(files)} files have {total / 1e6:,.1f} MB ({named}); site '{site.name}' takes at most {limit / 1e6:,.0f} MB "
        f"with a job (`limits.input_mb`); store data at the site, and name its path there"
    )
