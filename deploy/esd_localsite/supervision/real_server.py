"""The additional programs of a site with the real server: pure descriptions."""

import sys
from pathlib import Path

from esd_localsite.state.layout import SERVER_USER, Layout
from esd_localsite.supervision.daemons import FLAT_MEMORY, TIED, Daemon, python_environment, slurm_environment
from esd_localsite.unicorex import tsi_door
from esd_localsite.unicorex.places import SERVER, TSI, Places

_HEAP_MB = 384
_JAVA = (
    f"-Xmx{_HEAP_MB}m",
    "-XX:+UseSerialGC",  # the smallest garbage collector: the processors are for the jobs
    "-XX:+ExitOnOutOfMemoryError",  # the supervisor restarts it; a partly broken server would answer wrongly
    "-XX:-UsePerfData",
    "-XX:TieredStopAtLevel=1",  # halves the work at the start; afterwards the server mostly waits
)


def server(layout: Layout, java: Path, jars: Path) -> Daemon:
    """UNICORE/X. With a TSI it runs nothing itself; without one, jobs are its own processes and inherit its environment."""
    places = Places(layout)
    settings = (f"-Djava.io.tmpdir={places.data}", f"-Dlog4j.configurationFile={places.logging}")
    argv = (str(java), *_JAVA, *settings, "-cp", f"{jars}/*", "eu.unicore.uas.UAS", str(places.main), SERVER)
    if not layout.needs_root:
        own = {"HOME": str(Path.home()), **_job_environment(layout)}
        return Daemon(SERVER, (*TIED, *argv), user=None, environment=own, restarts=True, stop_seconds=15)
    return Daemon(SERVER, argv, user=SERVER_USER, environment={"HOME": str(places.data)}, restarts=True, stop_seconds=15)


def tsi(layout: Layout) -> Daemon:
    """The TSI, which starts as root and becomes the user for each command. Jobs inherit its environment, which holds nothing else."""
    places = Places(layout)
    environment = {**slurm_environment(layout), **_job_environment(layout)}
    argv = (sys.executable, "-B", "-u", tsi_door.__file__, str(places.tsi), str(places.tsi_settings))
    return Daemon(TSI, argv, environment=environment, restarts=True)


def front(layout: Layout) -> Daemon:
    """The front, in place of this project's endpoint."""
    argv = (sys.executable, "-m", "esd_localsite.unicorex", "--config", str(Places(layout).front))
    environment = {**python_environment(), **FLAT_MEMORY}
    if not layout.needs_root:
        return Daemon("unicore", (*TIED, *argv), user=None, environment=environment, restarts=True)
    return Daemon("unicore", argv, environment={**slurm_environment(layout), **environment}, restarts=True)


def _job_environment(layout: Layout) -> dict[str, str]:
    """Variables of jobs, as at this project's endpoint."""
    return {"SCRATCH": str(layout.scratch), "BASH_ENV": str(layout.shell_start), "SSL_CERT_FILE": str(layout.tls.bundle)}
