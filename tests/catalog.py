# SPDX-License-Identifier: Apache-2.0
"""What people's own programs need of a cloud: who they are, and a catalog of its services.

Stands in for Keystone. A user called admin is one; the token is what :mod:`tests.keystone` reads.
"""

import contextlib
import json
import os
import pty
import socketserver
import subprocess
import sys
import sysconfig
import threading
import wsgiref.simple_server
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.keystone import read_token

BIN = Path(sysconfig.get_path("scripts"))


class Identity:
    """Gives tokens, with a catalog in them.

    :ivar catalog: the addresses of services, by their types
    """

    def __init__(self, catalog: Mapping[str, str]) -> None:
        self.catalog = catalog

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            return self._give_token(environ, start_response)
        url = f"http://{environ['HTTP_HOST']}/v3"
        version = {
            "id": "v3.14",
            "status": "stable",
            "links": [{"rel": "self", "href": url}],
        }
        return answer(start_response, {"version": version})

    def _give_token(self, environ, start_response):
        size = int(environ["CONTENT_LENGTH"])
        asked = json.loads(environ["wsgi.input"].read(size))["auth"]
        user = asked["identity"]["password"]["user"]["name"]
        role = "admin" if user == "admin" else "member"
        project = asked["scope"]["project"]["id"]
        token = f"{role}:{project}:{user}"
        told = read_token(token)
        told["token"]["catalog"] = [
            _service(kind, url) for kind, url in self.catalog.items()
        ]
        return answer(
            start_response, told, "201 Created", [("X-Subject-Token", token)]
        )


def _service(kind, url):
    endpoints = [
        {
            "id": f"{kind}-{interface}",
            "interface": interface,
            "region": "RegionOne",
            "region_id": "RegionOne",
            "url": url,
        }
        for interface in ("public", "internal", "admin")
    ]
    return {"id": kind, "type": kind, "name": kind, "endpoints": endpoints}


def answer(start_response, body, status="200 OK", headers=()):
    """An answer in JSON."""
    data = json.dumps(body).encode()
    start_response(
        status,
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(data))),
            *headers,
        ],
    )
    return [data]


class _Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class _Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(application) -> Iterator[str]:
    """Serve an application; its address."""
    server = wsgiref.simple_server.make_server(
        "127.0.0.1", 0, application, _Server, _Handler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def openstack(
    identity: str, *arguments: str, user: str, project: str
) -> subprocess.CompletedProcess[str]:
    """Run the program that people use."""
    environ = _environ(identity, user, project)
    command = [sys.executable, str(BIN / "openstack"), *arguments]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=120
    )


class Terminal:
    """The program that people use, on a terminal.

    :ivar shown: what it has printed
    """

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self.shown = ""
        self._screen = screen

    def wait_for(self, text: str, times: int = 1) -> None:
        """Read until a text is there so often, or the program has ended."""
        while self.shown.count(text) < times:
            try:
                read = os.read(self._screen, 4096)
            except OSError:  # Linux says so where nobody writes any more
                break
            self.shown += read.decode(errors="replace")
        assert self.shown.count(text) >= times, self.shown


@contextlib.contextmanager
def openstack_on_terminal(
    identity: str, *arguments: str, user: str, project: str
) -> Iterator[Terminal]:
    """Run the program that people use where it is looked at, until the block ends."""
    screen, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(BIN / "openstack"), *arguments],
        env=_environ(identity, user, project),
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def _environ(identity: str, user: str, project: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "ignore",
        "COLUMNS": "80",
        "OS_AUTH_URL": f"{identity}/v3",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": user,
        "OS_PASSWORD": "secret",
        "OS_PROJECT_ID": project,
        "OS_USER_DOMAIN_ID": "default",
        "OS_REGION_NAME": "RegionOne",
    }
