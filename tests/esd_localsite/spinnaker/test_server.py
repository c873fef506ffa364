"""The board as a process of its own, at its UDP ports: boot, lost and malformed datagrams, reset, end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.esd_localsite.spinnaker.boards import values

from esd_localsite.spinnaker.monitor.results import Command, Result
from esd_localsite.spinnaker.packets import Scp, Sdp

pytest.importorskip("unicorn")
pytestmark = pytest.mark.integration
SCP_PORT, BOOT_PORT = 17893, 54321


class Running:
    """One board, and a host's socket to it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.report = folder / "report.json"
        ready = folder / "ready"
        argv = (sys.executable, "-m", "esd_localsite.spinnaker", "--ready", str(ready), "--report", str(self.report), *options)
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        while not (ready.exists() and ready.read_text()):
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.02)
        self.ip = ready.read_text()
        self.host = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.host.connect((self.ip, SCP_PORT))

    def boot(self) -> None:
        image = bytes(384) + b"".join(values()[i : i + 4][::-1] for i in range(0, 128, 4)) + bytes(512)
        for message in ((1, 0, 0, 0, b""), (3, 0xFF00, 0, 0, image), (5, 1, 0, 0, b"")):
            head = b"".join(number.to_bytes(4, "big") for number in message[:4])
            self.host_to(BOOT_PORT, b"\0\1" + head + message[4])

    def host_to(self, port: int, data: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
            host.sendto(data, (self.ip, port))

    def ask(self, command: Scp, wait_s: float = 2.0) -> bytes | None:
        self.host.settimeout(wait_s)
        self.host.send(b"\0\0" + Sdp(0x87, 255, 0, 255, 0xFFFF, 0, command.pack()).pack())
        try:
            return self.host.recv(512)[10:]
        except TimeoutError:
            return None

    def end(self) -> dict[str, object]:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        return json.loads(self.report.read_text())


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def board(*options: str) -> Running:
        started.append(Running(tmp_path, *options))
        return started[-1]

    yield board
    for one in started:
        one.host.close()
        one.process.kill()
        one.process.communicate()


def test_it_is_silent_until_it_is_booted(run):
    board = run()
    assert board.ask(Scp(Command.VERSION, 1), wait_s=0.3) is None
    board.boot()
    answer = board.ask(Scp(Command.VERSION, 2))
    assert answer is not None
    assert b"SC&MP/SpiNNaker" in answer


def test_a_lost_datagram_is_asked_again(run):
    board = run("--lose", "2")
    board.boot()
    assert board.ask(Scp(Command.VERSION, 1)) is not None
    assert board.ask(Scp(Command.VERSION, 2), wait_s=0.3) is None
    assert board.ask(Scp(Command.VERSION, 2)) is not None


@pytest.mark.parametrize("port", [SCP_PORT, BOOT_PORT])
def test_hostile_datagrams_leave_it_alive_and_are_reported(run, port):
    board = run()
    board.boot()
    assert board.ask(Scp(Command.VERSION, 1)) is not None
    for data in (b"", b"\0", os.urandom(7), os.urandom(1400)):
        board.host_to(port, data)
    assert board.ask(Scp(Command.VERSION, 2)) is not None
    if port == SCP_PORT:
        assert any("bytes" in text for text in board.end()["reports"])


def test_a_reset_board_forgets_everything(run):
    board = run()
    board.boot()
    assert board.ask(Scp(Command.VERSION, 1)) is not None
    board.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert board.ask(Scp(Command.VERSION, 2), wait_s=0.3) is None
    board.boot()
    answer = board.ask(Scp(Command.VERSION, 3))
    assert answer is not None
    assert int.from_bytes(answer[:2], "little") == Result.OK


def test_two_boards_have_two_addresses(run, tmp_path):
    first = run()
    (tmp_path / "ready").unlink()
    assert run().ip != first.ip


def test_a_taken_address_is_told(run):
    board = run()
    argv = (sys.executable, "-m", "esd_localsite.spinnaker", "--ip", board.ip)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert f"UDP port 17893 at {board.ip}: Address already in use" in done.stderr


@pytest.mark.parametrize(("ip", "why"), [("127.0.0.1", "SpiNNMan takes 127.0.0.1"), ("192.168.0.1", "no loopback address")])
def test_addresses_that_cannot_be(ip, why):
    done = subprocess.run((sys.executable, "-m", "esd_localsite.spinnaker", "--ip", ip), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert why in done.stderr
