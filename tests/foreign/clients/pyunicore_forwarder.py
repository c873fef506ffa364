"""pyunicore's own forwarder: tunnels to a program in a batch job."""

import os
import socket
import threading
import time
from pathlib import Path

from pyunicore.client import Client, Transport
from pyunicore.credentials import UsernamePassword
from pyunicore.forwarder import Forwarder, open_tunnel
from steps import Place, Step  # type: ignore[import-not-found]  # beside the script, which alone is run

PORT = 52500
ECHO = f"""
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", {PORT}), Echo).serve_forever()
"""
WAIT_S = 120


def echoed(link: socket.socket, data: bytes) -> bool:
    link.sendall(data)
    got = b""
    while len(got) < len(data):
        piece = link.recv(65536)
        if not piece:
            return False
        got += piece
    return got == data


def main() -> None:
    place = Place.given()
    credential = UsernamePassword(place.user, place.password)
    client = Client(Transport(credential), place.core)
    Path("echo.py").write_text(ECHO)
    job = client.new_job({"Executable": "python3 echo.py", "Resources": {"Nodes": "1", "Runtime": "10m"}}, inputs=["echo.py"])
    try:
        job.cache_time = 0
        end = time.monotonic() + WAIT_S
        while job.properties["status"] != "RUNNING":
            assert time.monotonic() < end, job.properties
            time.sleep(0.5)
        time.sleep(3)
        node = job.bss_details()["BatchHost"]

        with Step("open_tunnel gives a connected socket"):
            link = open_tunnel(job, service_port=PORT, service_host=node)
            assert echoed(link, b"through the tunnel")
            assert echoed(link, b"\x00\xff" * 5000)
            link.close()

        with Step("Forwarder.run listens and forwards, one connection after the other"):
            transport = Transport(credential, use_security_sessions=False)
            forwarder = Forwarder(transport, job.links["forwarding"], service_port=PORT, service_host=node)
            threading.Thread(target=forwarder.run, args=(0, True), daemon=True).start()
            while forwarder.local_port == 0:
                time.sleep(0.05)
            for number in range(3):
                with socket.create_connection(("127.0.0.1", forwarder.local_port), timeout=60) as local:
                    assert echoed(local, f"connection {number}".encode())
    finally:
        job.abort()
        job.delete()


if __name__ == "__main__":
    main()
    os._exit(0)  # its threads end with their connections only
