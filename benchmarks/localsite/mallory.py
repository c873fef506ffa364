"""What one client does to the others: each act runs until it is killed, as fast as it can.

python benchmarks/localsite/mallory.py NAME ACT      (the site has a user `mallory`)
"""

import base64
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from esd_localsite import lifecycle
from esd_localsite.state.layout import find_layout

NAME = "mallory"
ADDRESS = "127.0.0.2"
"""Another one than the others': limits for each address are to meet the hostile client alone."""
FILES = 20_000
SPARSE_MB = 2000
Act = Callable[["Client"], None]


class Client:
    """One connection of the hostile user, opened again where the server closes it."""

    def __init__(self, site: str, number: int) -> None:
        status = lifecycle.status(site)
        self.url = urlsplit(status.unicore_url or "")
        self.tls = ssl.create_default_context(cafile=str(status.ca_file))
        self.number = number
        self._login(find_layout(site).password_of(NAME).read_text().strip())
        self._connection = self.connect()

    def _login(self, password: str) -> None:
        self.headers = {"Authorization": "Basic " + base64.b64encode(f"{NAME}:{password}".encode()).decode()}

    def connect(self) -> HTTPSConnection:
        return HTTPSConnection(self.url.hostname or "", self.url.port, context=self.tls, timeout=60, source_address=(ADDRESS, 0))

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        """A request, whose answer is read and thrown away."""
        try:
            self._connection.request(method, f"{self.url.path}{path}", body, {**self.headers, **headers})
            answer = self._connection.getresponse()
            while answer.read(1 << 20):
                pass
            return answer.status, dict(answer.getheaders())
        except (OSError, HTTPException):
            self._connection.close()
            self._connection = self.connect()
            time.sleep(0.01)
            return 0, {}


def burn(_client: Client) -> None:
    """Asks nothing: what a busy neighbour costs on this machine without any server."""
    for _ in range(100_000):
        pass


def flood(client: Client) -> None:
    """Asks the cheapest question."""
    client.ask("GET", "/")


def listings(client: Client) -> None:
    """Has a large folder listed."""
    client.ask("GET", "/storages/HOME/files/many/")


def bodies(client: Client) -> None:
    """Submits the largest description."""
    client.ask("POST", "/jobs", _LARGE, **{"Content-Type": "application/json"})


def downloads(client: Client) -> None:
    """Fetches a file that never seems to end."""
    client.ask("GET", "/storages/HOME/files/sparse", Accept="application/octet-stream")


def passwords(client: Client) -> None:
    """Guesses passwords."""
    wrong = base64.b64encode(f"name{time.monotonic_ns() % 50}:{time.monotonic_ns()}".encode()).decode()
    client.ask("GET", "/", Authorization=f"Basic {wrong}")


def handshakes(client: Client) -> None:
    """Connects, and leaves."""
    try:
        connection = client.connect()
        connection.connect()
        connection.close()
    except OSError:
        time.sleep(0.01)


def jobs(client: Client) -> None:
    """Starts programs on the login node."""
    body = json.dumps({"Executable": "sleep 1", "Job type": "ON_LOGIN_NODE"}).encode()
    client.ask("POST", "/jobs", body, **{"Content-Type": "application/json"})


def batch(client: Client) -> None:
    """Hands jobs to the batch system."""
    body = json.dumps({"Executable": "true"}).encode()
    client.ask("POST", "/jobs", body, **{"Content-Type": "application/json"})


def silence(client: Client) -> None:
    """Connections that send half of a request's head, a hundred for each thread."""
    opened = []
    for _ in range(100):
        connection = client.connect()
        try:
            connection.connect()
            connection.sock.sendall(b"GET / HTTP/1.1\r\nHo")
        except OSError:
            continue
        opened.append(connection)
    time.sleep(5)


_LARGE = json.dumps({"Arguments": ["x" * 50] * 250_000}).encode()[: 15 * 2**20]
ACTS: dict[str, tuple[Act, int]] = {
    "burn": (burn, 1), "flood": (flood, 16), "listings": (listings, 8), "bodies": (bodies, 8), "downloads": (downloads, 8),
    "passwords": (passwords, 16), "handshakes": (handshakes, 8), "jobs": (jobs, 8), "batch": (batch, 8), "silence": (silence, 3),
}  # fmt: skip
"""What is done, and over how many connections at once."""


def prepare(site: str) -> None:
    """A folder of many files, and a file with a hole, in the hostile user's home."""
    client = Client(site, 0)
    script = f"mkdir -p many && cd many && touch $(seq {FILES}) && cd .. && truncate -s {SPARSE_MB}M sparse"
    body = json.dumps({"Executable": "/bin/sh", "Arguments": ["-c", f"'cd && {script}'"], "Job type": "ON_LOGIN_NODE"}).encode()
    client.ask("POST", "/jobs", body, **{"Content-Type": "application/json"})
    while client.ask("GET", "/storages/HOME/files/sparse")[0] != 200:
        time.sleep(0.5)


def main(site: str, act: str) -> None:
    """Do it until the end comes from outside; once a second the number of times, cumulative, is printed."""
    work, threads = ACTS[act]
    done = [0] * threads

    def forever(number: int) -> None:
        client = Client(site, number)
        while True:
            work(client)
            done[number] += 1

    for number in range(threads):
        threading.Thread(target=forever, args=(number,), daemon=True).start()
    while True:
        time.sleep(1)
        print(sum(done), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
