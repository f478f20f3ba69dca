# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-demo``: the whole way, on this machine alone.

A small API of database instances stands in for Trove; everything else is what a deployer gets: the
paste filter, the co-hosted consumer, the migrations, oslo's notifier.  SQLite and oslo.messaging's
transport in memory take the places of the database server and the broker.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref import simple_server

import prettytable
from oslo_config import cfg
from paste import deploy as paste_deploy

from fault_middleware import deploy, migration

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PROGRAM = "fault-middleware-demo"
PROJECT = "f00d5e1f0b6e4c2a9d3c7a5b1e8d4c60"
INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
PATH = f"/{PROJECT}/instances/{INSTANCE}"

_CONFIGURATION = """\
[DEFAULT]
transport_url = fake://
control_exchange = trove

[oslo_messaging_notifications]
driver = messagingv2
topics = notifications,fault_middleware

[fault_middleware]
profiles = trove
# There is no Keystone here, so the filter believes the X-Roles header.
credentials = headers

[fault_middleware_database]
connection = sqlite:///{folder}/faults.sqlite
"""
_PASTE = """\
[pipeline:main]
pipeline = fault instances

[filter:fault]
use = egg:fault_middleware
oslo_config_file = {folder}/demo.conf

[app:instances]
paste.app_factory = fault_middleware.cmd.demo:instances_factory
oslo_config_file = {folder}/demo.conf
"""


class Instances:
    """An API with one database instance, whose volume cannot be resized.

    It knows nothing of faults: it sets the status, as services do, and notifies, as services do.
    """

    def __init__(self, notifier: Any) -> None:
        self._notifier = notifier
        self._status = "ACTIVE"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        status, body = "404 Not Found", {}
        if path == PATH and method == "GET":
            instance = {"id": INSTANCE, "name": "orders", "status": self._status}
            status, body = "200 OK", {"instance": instance}
        elif path == f"{PATH}/action" and method == "POST":
            status = "202 Accepted"
            threading.Thread(target=self._resize_volume).start()
        data = json.dumps(body).encode()
        headers = [("Content-Type", "application/json")]
        start_response(status, [*headers, ("Content-Length", str(len(data)))])
        return [data]

    def _resize_volume(self) -> None:
        try:
            _extend_volume(50)
        except Exception as exc:
            payload = {
                "instance_id": INSTANCE,
                "tenant_id": PROJECT,
                "request_id": "req-0e6e3f1c-demo",
                "message": str(exc),
                "exception": traceback.format_exception(exc),
            }
            self._status = "ERROR"
            self._notifier.info({}, "dbaas.instance_resize_volume.error", payload)


def _extend_volume(gigabytes: int) -> None:
    raise RuntimeError(
        f"Cannot extend the volume to {gigabytes} GB: the quota of your project is "
        "40 GB. Delete a volume, or ask for more quota."
    )


def instances_factory(global_conf: dict[str, str], *, oslo_config_file: str) -> Instances:
    """The paste factory of the API."""
    import oslo_messaging

    conf = cfg.ConfigOpts()
    conf([], default_config_files=[oslo_config_file])
    transport = oslo_messaging.get_notification_transport(conf)
    return Instances(oslo_messaging.Notifier(transport, publisher_id="api.demo"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration.

    :param arguments: those of the command line; None for ``sys.argv``
    :returns: 0 when the fault was seen, 1 when it was not
    """
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--once", action="store_true", help="show it once and end")
    parser.add_argument(
        "--port", type=int, default=0, help="where to serve on 127.0.0.1 (any free one)"
    )
    options = parser.parse_args(arguments)
    # That oslo.messaging still loads eventlet is not for this story; it warns when it is imported,
    # which is why that comes later.
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="fault-middleware-demo-"))
    try:
        application = _build(folder)
        server = simple_server.make_server(
            "127.0.0.1", options.port, application, handler_class=_QuietHandler
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen = _tell(server.server_port)
        if seen and not options.once:
            _keep_serving(server.server_port)
        server.shutdown()
        server.server_close()
    finally:
        shutil.rmtree(folder)
    return 0 if seen else 1


class _QuietHandler(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Leave the terminal to the story."""


def _build(folder: Path) -> WSGIApplication:
    """Do what a deployer does: write two files, make the table, load the API."""
    (folder / "demo.conf").write_text(_CONFIGURATION.format(folder=folder))
    (folder / "api-paste.ini").write_text(_PASTE.format(folder=folder))
    application: WSGIApplication = paste_deploy.loadapp(f"config:{folder}/api-paste.ini")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(folder / "demo.conf")])
    migration.sync(deploy.deploy(conf).store.writer)
    return application


def _tell(port: int) -> bool:
    """Make the operation fail and show who sees what; whether it was seen."""
    _say(
        "1. A database instance, as its owner sees it before anything happens. The "
        "first request also starts the co-hosted consumer."
    )
    print(json.dumps(_show(port, "member"), indent=2))
    _say("2. The owner asks for a larger volume; the service accepts, and fails.")
    status, _ = _ask(port, "POST", f"{PATH}/action", "member")
    print(f"POST {PATH}/action -> {status}")
    end = time.monotonic() + 10
    while "fault" not in _show(port, "member")["instance"]:
        if time.monotonic() > end:
            print("No fault came within 10 seconds.", file=sys.stderr)
            return False
        time.sleep(0.05)
    _say(
        "3. The service sent a notification, the consumer stored its fault, and the "
        "filter shows it in the same request as before. The rule "
        "fault_middleware:show:details lets only an administrator see the details."
    )
    print(_side_by_side(_show(port, "member"), _show(port, "admin")))
    return True


def _keep_serving(port: int) -> None:
    _say("4. Try it; the API serves until you press Ctrl-C.")
    for role in ("member", "admin"):
        print(f"curl -s -H 'X-Roles: {role}' http://127.0.0.1:{port}{PATH}")
    print(
        "\nThe filter believes X-Roles because this configuration says "
        "credentials = headers;\nby default only a token verified by Keystone counts.",
        flush=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


def _show(port: int, role: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(_ask(port, "GET", PATH, role)[1])
    return shown


def _ask(port: int, method: str, path: str, role: str) -> tuple[str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request(method, path, headers={"X-Roles": role})
        answer = connection.getresponse()
        return f"{answer.status} {answer.reason}", answer.read()
    finally:
        connection.close()


def _side_by_side(owner: dict[str, Any], admin: dict[str, Any]) -> str:
    table = prettytable.PrettyTable(["", "the owner sees", "an administrator sees"])
    table.align = "l"
    table.hrules = prettytable.HRuleStyle.ALL
    columns = [dict(_flat(shown["instance"])) for shown in (owner, admin)]
    width = max(40, (shutil.get_terminal_size((130, 24)).columns - 26) // 2)
    for key in columns[1]:
        cells = (_wrap(column.get(key, ""), width) for column in columns)
        table.add_row([key, *cells])
    return table.get_string()


def _flat(instance: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in instance.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{part}", text) for part, text in value.items())
        else:
            yield key, value


def _wrap(text: str, width: int) -> str:
    return "\n".join(
        piece
        for line in text.splitlines()
        for piece in textwrap.wrap(line, width, subsequent_indent="  ") or [""]
    )


def _say(text: str) -> None:
    print("\n" + textwrap.fill(text, 88) + "\n")


if __name__ == "__main__":
    sys.exit(main())
