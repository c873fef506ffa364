"""The contract of the nest-server image: the server starts, and answers with the pinned NEST."""

import json

import pytest
from testinfra.host import Host

from esd_build.data.project import Environment

pytestmark = pytest.mark.image

ASK = """
import http.client, json, os, socket, subprocess, tempfile, time

place = os.path.join(tempfile.mkdtemp(), "server")
server = subprocess.Popen(["gunicorn", "nest.server:app", "--bind", "unix:" + place], stderr=subprocess.DEVNULL)

class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(place)

def ask(method, path, body=None):
    connection = Connection("localhost", timeout=60)
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())

deadline = time.monotonic() + 60
while not os.path.exists(place) and time.monotonic() < deadline:
    time.sleep(0.1)
version = ask("GET", "/")
nodes = ask("POST", "/api/Create", {"model": "iaf_psc_alpha", "n": 3})
server.terminate()
server.wait()
print(json.dumps({"version": version, "nodes": nodes}))
"""


def test_the_server_answers_with_the_pinned_nest(host: Host, environment: Environment) -> None:
    finished = host.run("cd /tmp && NEST_SERVER_DISABLE_AUTH=1 NEST_SERVER_DISABLE_RESTRICTION=1 python3 -c %s", ASK)
    assert finished.rc == 0, finished.stdout
    answer = json.loads(finished.stdout.strip().splitlines()[-1])
    assert environment.pins["NEST"].version in json.dumps(answer["version"])
    assert answer["nodes"] == [1, 2, 3]
