"""Clients that go away in the middle, many at once: the server stays up, keeps nothing of them, and shows no half file."""

import base64
import os
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from esd_localsite.front.fairness import FILES_AT_ONCE

pytestmark = pytest.mark.integration

CLIENTS = FILES_AT_ONCE  # as many transfers as one user has in hand at a time
SIZE = 64 * 2**20
PART = 2**20
MOST_GROWTH_MB = 30
LOGIN = base64.b64encode(b"esd:geheim").decode()


def resident_mb(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files(pid):
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def eventually(holds, seconds=20.0):
    pause, end = threading.Event(), time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        pause.wait(0.05)
    return True


def depart(endpoint, path, number, together):
    """Half of them read and half of them write; half close as one should, half reset the connection."""
    with socket.create_connection(("127.0.0.1", endpoint.port)) as plain:
        if number % 4 < 2:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with endpoint.verify.wrap_socket(plain, server_hostname="127.0.0.1") as line:
            head = f"Host: x\r\nAuthorization: Basic {LOGIN}\r\n"
            if number % 2:
                head = f"PUT {path}/up{number} HTTP/1.1\r\n{head}Content-Length: {SIZE}\r\nContent-Type: application/octet-stream\r\n\r\n"
                line.sendall(head.encode() + bytes(PART))
            else:
                line.sendall(f"GET {path}/large HTTP/1.1\r\n{head}Accept: application/octet-stream\r\n\r\n".encode())
                got = 0
                while got < PART:
                    got += len(line.recv(65536))
            together.wait(timeout=60)  # all are in the middle at the same time


def names(storage):
    return {name for name in storage.listdir() if not name.endswith("EXIT_CODE") and not name.startswith("up")}


def test_clients_that_go_away(endpoint, client, finish):
    job = finish(client.new_job({"Executable": f"truncate -s {SIZE} large"}))
    storage, pid = job.working_dir, endpoint.process.pid
    path, own = storage.resource_url.partition(str(endpoint.port))[2] + "/files", names(storage)
    files, memory, seen = open_files(pid), [], []

    def measure():
        memory.append(resident_mb(pid))
        seen.append(names(storage))

    for _ in range(3):
        together = threading.Barrier(CLIENTS, action=measure)
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda number: depart(endpoint, path, number, together), range(CLIENTS)))  # noqa: B023 - all end in this turn
        assert eventually(lambda: open_files(pid) <= files + 2), (open_files(pid), files)
        memory.append(resident_mb(pid))
    assert seen == [own] * 3  # not in the middle either
    assert names(storage) == own
    assert max(memory[2:]) - memory[1] < MOST_GROWTH_MB, memory
    assert storage.stat("large").size() == SIZE
    assert not [line for line in endpoint.log if "Traceback" in line], "".join(endpoint.log)[-4000:]
