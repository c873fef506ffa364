"""kill -9 in the middle of a push and of a pull: bytes that are sent again. python -m benchmarks.registry.kill_resume [--mb 512].

Through a proxy that takes in a request whole, as nginx does by default; through one that passes bytes on as they come; and to a stand-in
for a registry that keeps every byte of an upload, as the specification has it.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.registry.measure import CLIENT, random_file
from tests.esd_build.registry.keeping import Keeping
from tests.esd_build.registry.proxy import FaultProxy
from tests.esd_build.registry.servers import RegistryServer, running_registry

_STEP_S = 0.005
BETWEEN: dict[str, Callable[[RegistryServer], FaultProxy]] = {
    "request by request": partial(FaultProxy, takes_in_whole=True),
    "byte by byte": FaultProxy,
    "every byte kept": Keeping,
}


def kill_at(argv: tuple[str, ...], done: Callable[[], bool]) -> None:
    """Start a program and kill it, without a chance to clean up, once `done` says so."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    while not done():
        if process.poll() is not None:
            raise SystemExit("it ended before it could be killed; take a larger file")
        time.sleep(_STEP_S)
    process.kill()
    process.wait()


def pushed(proxy: FaultProxy, server: RegistryServer, file: Path, program: Callable[[str], tuple[str, ...]]) -> tuple[int, int]:
    """Bytes that came with the push that was killed half-way, and with the one after it. `program` is the command for a host."""
    with proxy.running(server.tls):
        kill_at(program(proxy.host), lambda: proxy.received > file.stat().st_size // 2)
        before = proxy.received
        proxy.seen.clear()
        subprocess.run(program(proxy.host), check=True, stdout=subprocess.DEVNULL)
        return before, proxy.received


def ours(server: RegistryServer, folder: Path, file: Path, host: str) -> tuple[str, ...]:
    """Our push."""
    return (*CLIENT, "push", host, str(server.tls.ca_file), str(folder / "unfinished"), str(file))


def by_oras(oras: str, server: RegistryServer, file: Path, host: str) -> tuple[str, ...]:
    """The push of `oras`."""
    layer = f"{file}:application/vnd.sylabs.sif.layer.v1.sif"
    return (oras, "push", "--disable-path-validation", "--ca-file", str(server.tls.ca_file), f"{host}/esd/oras:edge", layer)


def pulled(server: RegistryServer, folder: Path, file: Path) -> tuple[int, int]:
    """Bytes that were here when the pull was killed, and bytes that the next one read."""
    target = folder / "pulled" / "image.sif"
    argv = (*CLIENT, "pull", server.host, str(server.tls.ca_file), str(folder / "unfinished"), str(target))

    def here() -> int:
        return sum(part.stat().st_size for part in target.parent.glob(".*.part"))

    kill_at(argv, lambda: here() > file.stat().st_size // 2)
    before = here()
    subprocess.run(argv, check=True)
    subprocess.run((shutil.which("cmp") or "cmp", str(target), str(file)), check=True)
    return before, file.stat().st_size - before


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mb", type=int, default=512)
    options.add_argument("--oras", default=shutil.which("oras"))
    chosen = options.parse_args()
    size = chosen.mb * 1024**2
    rows = {}
    for who in ("ours", "oras") if chosen.oras else ("ours",):
        for how, between in BETWEEN.items():
            with tempfile.TemporaryDirectory() as name, running_registry(Path(name)) as server:
                folder = Path(name)
                file = random_file(folder / "image.sif", size)
                program = partial(ours, server, folder, file) if who == "ours" else partial(by_oras, chosen.oras, server, file)
                rows[f"push, {how}, {who}"] = pushed(between(server), server, file, program)
                if who == "ours" and how == "byte by byte":
                    rows["pull, ours"] = pulled(server, folder, file)
    print(f"a file of {size / 1e6:.0f} MB, killed (SIGKILL) half-way, then the same command again\n")
    print("| | MB before the kill | MB after it | MB in all, of the file's |\n|---|---|---|---|")
    for what, (before, after) in rows.items():
        print(f"| {what} | {before / 1e6:.0f} | {after / 1e6:.0f} | {(before + after) / size:.2f} times |")


main()
