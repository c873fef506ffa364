"""The door before the TSI, over real sockets on loopback."""

import os
import socket
import ssl
import threading
from pathlib import Path

import pytest

from esd_localsite.cluster.certificates import certificate_authority, issue
from esd_localsite.state.layout import TlsFiles
from esd_localsite.unicorex import tsi_door

pytestmark = pytest.mark.integration


def context(files: TlsFiles, side: int, server: str | None) -> ssl.SSLContext:
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.load_verify_locations(files.ca)
    made.verify_mode = ssl.CERT_REQUIRED
    if server:
        made.load_cert_chain(files.certificate(server), files.key(server))
    return made


def test_whoever_shows_no_certificate_is_forgotten_and_the_server_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsi_door, "HANDSHAKE_S", 0.3)
    files, said = TlsFiles(tmp_path), []
    for name in ("tsi", "unicorex"):
        issue(certificate_authority(files), files, name, os.geteuid())

    class Log:
        info = staticmethod(said.append)

    def setup(_config: object, plain: socket.socket, _log: object, _server: bool) -> ssl.SSLSocket:
        return context(files, ssl.PROTOCOL_TLS_SERVER, "tsi").wrap_socket(plain, server_side=True)

    plain = socket.create_server(("127.0.0.1", 0))
    door = tsi_door.guarded(setup)({}, plain, Log, True)
    assert isinstance(door, tsi_door.Door)
    door.listen(5)
    port = plain.getsockname()[1] if plain.fileno() >= 0 else door._listener.getsockname()[1]
    silent = socket.create_connection(("127.0.0.1", port))
    with socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"newtsiprocess 1\n")
    anonymous = threading.Thread(target=knock, args=(context(files, ssl.PROTOCOL_TLS_CLIENT, None), port))
    server = threading.Thread(target=knock, args=(context(files, ssl.PROTOCOL_TLS_CLIENT, "unicorex"), port))
    anonymous.start()
    anonymous_first = threading.Timer(0.1, server.start)
    anonymous_first.start()
    connection, _ = door.accept()
    assert connection.recv(5) == b"hello"
    assert len(said) >= 2
    connection.close()
    silent.close()
    server.join()
    anonymous.join()
    door.close()


def knock(client: ssl.SSLContext, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            with client.wrap_socket(plain) as encrypted:
                encrypted.sendall(b"hello")
                encrypted.recv(1)
        except OSError:
            return
