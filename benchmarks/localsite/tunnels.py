"""How long a tunnel takes to open, and what passes through it: `tunnels.py SITE.yaml`, or the name of a site.

A job on one node runs an echo with the node's own Python. Each figure is measured at the end of `esd-deploy tunnel`: a local program's.
"""

import argparse
import os
import socket
import statistics
import sys
import threading
import time

from esd_deploy.backends.connection import RUNNING
from esd_deploy.backends.unicore.job import Resources, UnicoreDescription
from esd_deploy.runs.site import Site
from esd_deploy.services.tunnel import LOOPBACK, Tunnel

PORT = 52511
ECHO = f"""
import socket, socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := self.request.recv(262144):
            self.request.sendall(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", {PORT}), Echo).serve_forever()
"""
MUCH = 200 * 1024**2
PIECE = 1024**2
_STARTS_S = 5


def main() -> int:
    """0; raises what the site refuses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site")
    parser.add_argument("--times", type=int, default=300, help="messages of each size")
    asked = parser.parse_args()
    connection = Site.load(asked.site).connect()
    resources = Resources(nodes="1", cpus_per_node="1", runtime="1200")
    job = connection.create(
        UnicoreDescription(name="tunnels", tags=(), executable="python3", arguments=("echo.py",), environment={}, resources=resources)
    )
    try:
        connection.upload(job, "echo.py", ECHO.encode())
        connection.start(job)
        while connection.state(job).status != RUNNING:
            time.sleep(0.5)
        time.sleep(_STARTS_S)
        node = connection.details(job)["BatchHost"]
        with Tunnel(lambda: connection.passage(job, node, PORT), node, notice=print) as tunnel:
            report(tunnel, asked.times)
    finally:
        connection.abort(job)
        connection.delete(job)
    return 0


def report(tunnel: Tunnel, times: int) -> None:
    """Print all figures."""
    print(f"load {os.getloadavg()[0]:.1f}")
    print(f"open and first byte, ms       {spread([first_byte(tunnel) for _ in range(10)])}")
    with socket.create_connection((LOOPBACK, tunnel.port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (100, 1000, 4000, 10_000, 100_000):
            print(f"{size:>7} bytes and back, ms     {spread([echoed(link, size) for _ in range(times)])}")
        print(f"{MUCH // 1024**2} MiB there and back, s     {much(link):.2f}")


def first_byte(tunnel: Tunnel) -> float:
    """Milliseconds from a local connection to the first byte that comes back."""
    begun = time.perf_counter()
    with socket.create_connection((LOOPBACK, tunnel.port)) as link:
        link.sendall(b"x")
        link.recv(1)
        return (time.perf_counter() - begun) * 1e3


def echoed(link: socket.socket, size: int) -> float:
    """Milliseconds until a message is back."""
    data, begun = bytes(size), time.perf_counter()
    link.sendall(data)
    got = 0
    while got < size:
        got += len(link.recv(262144))
    return (time.perf_counter() - begun) * 1e3


def much(link: socket.socket) -> float:
    """Seconds until everything is back."""
    begun = time.perf_counter()
    sender = threading.Thread(target=lambda: [link.sendall(bytes(PIECE)) for _ in range(MUCH // PIECE)])
    sender.start()
    got = 0
    while got < MUCH:
        got += len(link.recv(262144)) or sys.exit("the tunnel ended")
    sender.join()
    return time.perf_counter() - begun


def spread(values: list[float]) -> str:
    """Minimum, median and the 95th percentile."""
    ordered = sorted(values)
    return f"min {ordered[0]:8.2f}  median {statistics.median(ordered):8.2f}  p95 {ordered[int(len(ordered) * 0.95)]:8.2f}"


if __name__ == "__main__":
    sys.exit(main())
