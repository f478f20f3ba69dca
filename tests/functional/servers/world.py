# SPDX-License-Identifier: Apache-2.0
"""The servers that the tests start, and the world in which they do."""

import http.client
import json
import os
import sys
import sysconfig
import uuid
from pathlib import Path

import amqp
import oslo_messaging

from fault_middleware.deploy import deploy
from tests import services
from tests.documents import ROOT
from tests.fixtures import make_store, parse, rows, write_configuration

BIN = Path(sysconfig.get_path("scripts"))
PYTHON = [sys.executable, "-W", "ignore", "-m"]
WSGI = "tests.functional.servers.wsgi:application"
GUNICORN = [str(BIN / "gunicorn"), "-w", "2", "-b", "{address}"]
GTHREAD = [*GUNICORN, "-k", "gthread", "--threads", "2"]
UWSGI = [
    *(
        str(BIN / "uwsgi"),
        "--http-socket",
        "{address}",
        "--module",
        WSGI,
        "--need-app",
    ),
    *("--virtualenv", sys.prefix, "--die-on-term"),
]
SERVE = [*PYTHON, "tests.functional.servers.serve"]
SERVERS = {
    "waitress": [*SERVE, "waitress", "{port}"],
    "gunicorn": [*GUNICORN, WSGI],
    "gunicorn preload": [*GUNICORN, "--preload", WSGI],
    "gunicorn gthread": [*GTHREAD, WSGI],
    "gunicorn gthread preload": [*GTHREAD, "--preload", WSGI],
    "gunicorn patched": [*GUNICORN, WSGI],
    "uwsgi": [*UWSGI, "--master", "-p", "2", "--enable-threads"],
    "uwsgi lazy": [
        *UWSGI,
        "--master",
        "-p",
        "2",
        "--lazy-apps",
        "--enable-threads",
    ],
    "uwsgi without a master": [*UWSGI, "--enable-threads"],
    "oslo.service": [*SERVE, "oslo-2", "{port}"],
    "oslo.service patched": [*SERVE, "oslo-2-full", "{port}"],
    "oslo.service 1 worker": [*SERVE, "oslo-1", "{port}"],
}
INI = """\
[pipeline:main]
pipeline = fault api

[filter:fault]
use = egg:fault_middleware
oslo_config_file = {conf}

[app:api]
paste.app_factory = tests.functional.servers.pipeline:app_factory

[app:metrics]
use = egg:fault_middleware#metrics
oslo_config_file = {conf}
"""


class World:
    """A configuration, a server, a publisher."""

    def __init__(self, folder, broker, url, database=None):
        self.broker = broker
        self.store = make_store(url)
        self.topic = uuid.uuid4().hex
        self.log = folder / "server.log"
        conf = write_configuration(
            folder / "x.conf",
            database or url,
            transport_url=broker.url,
            topics=self.topic,
            credentials="headers",
        )
        self.ini = folder / "api-paste.ini"
        self.ini.write_text(INI.format(conf=conf))
        self.port = services.free_port()
        self.conf = parse(conf)
        transport = oslo_messaging.get_notification_transport(
            self.conf, url=deploy(self.conf).settings.transport_url
        )
        self._notifier = oslo_messaging.Notifier(
            transport, "x", driver="messagingv2", topics=[self.topic]
        )

    def serve(self, server, command=None, **others):
        command = [
            part.format(address=f"127.0.0.1:{self.port}", port=self.port)
            for part in command or SERVERS[server]
        ]
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        } | others
        environ["FAULT_TEST_INI"] = str(self.ini)
        if (
            server == "uwsgi old"
        ):  # the system's Python, which knows nothing of a virtualenv
            environ["PYTHONPATH"] += os.pathsep + sysconfig.get_path("platlib")
        if "patched" in server:
            environ["FAULT_TEST_PATCH"] = "1"
        return services.process(
            command, self.log, port=self.port, env=environ, cwd=ROOT
        )

    def ask(self, instance_id="x"):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=10
        )
        try:
            connection.request("GET", f"/p1/instances/{instance_id}")
            return json.loads(connection.getresponse().read())["instance"]
        finally:
            connection.close()

    def ask_every_worker(self):
        return {self.ask()["pid"] for _ in range(12)}

    def notify(self, names):
        for name in names:
            payload = {"instance_id": name, "message": name}
            self._notifier.info({}, "dbaas.x.error", payload)

    def stored(self):
        return sorted(row["message"] for row in rows(self.store))

    def queue(self):
        with amqp.Connection(f"127.0.0.1:{self.broker.port}") as connection:
            return connection.channel().queue_declare(
                f"{self.topic}.info", passive=True
            )

    def has_listener(self):
        try:
            return self.queue().consumer_count > 0
        except amqp.NotFound:
            return False

    def waiting(self):
        """How many messages are in the queue."""
        return self.queue().message_count
