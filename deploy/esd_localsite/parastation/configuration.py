"""ParaStation's configuration files as text: psid's own, and those of its plugins."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from esd_localsite.state.layout import LOGIN, NODES, Layout

NOTHING = "/usr/bin/true"
PLUGINS = ("psslurm", "pspmix")


def daemon_conf(installed: Path, cpu_map: Sequence[int]) -> str:
    """psid's own file (its first argument, usually /etc/parastation.conf). Each entry needs a line of its own.

    `cpu_map`: the processors in the order in which the node pins its ranks.
    """
    lines = (
        f"InstallDir {installed}",
        f"CPUmap {{ {' '.join(map(str, cpu_map))} }}",
        "plugins {",
        *(f"  {plugin}" for plugin in PLUGINS),
        "}",
        "Nodes {",
        *(f"  {host} {number}" for number, host in enumerate((*NODES, LOGIN))),  # psslurm looks for the controller's host here
        "}",
    )
    return "\n".join(lines) + "\n"


def cpu_maps(cpus: int) -> dict[str, tuple[int, ...]]:
    """Each node's order of processors. Both nodes have the same ones, so the second begins at the other end."""
    return {node: tuple(range(cpus))[:: 1 if number % 2 == 0 else -1] for number, node in enumerate(NODES)}


def plugin_confs(layout: Layout, slurm: str) -> dict[str, str]:
    """The plugins' files. `slurm`: the version of Slurm that psslurm speaks to."""
    return {
        "psslurm.conf": _settings(
            {
                "SLURM_CONFIG_DIR": str(layout.slurm_conf.parent),
                "SLURM_CONF_SERVER": "none",
                "SLURM_PROTO_VERSION": ".".join(slurm.split(".")[:2]),
                "SINFO_BINARY": "/usr/bin/sinfo",
                "SRUN_BINARY": "/usr/bin/srun",
                "DISABLE_SPANK": "1",
                "PAM_SESSION": "0",
                "SLURM_HC_STARTUP": "0",
                "SKIP_CORE_VERIFICATION": "1",
            }
        ),
        # Its own scripts want cgroups, which containers and this site lack.
        "jail.conf": _settings(dict.fromkeys(("JAIL_SCRIPT", "JAIL_TERM_SCRIPT", "JAIL_INIT_SCRIPT", "JAIL_FIN_SCRIPT"), NOTHING)),
        "pspmix.conf": _settings({}),
    }


def _settings(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
