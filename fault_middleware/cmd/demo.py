# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-demo``: the whole way, on this machine alone.

A small API of database instances stands in for Trove; everything else is what a deployer gets: the
paste filter, the co-hosted consumer, the migrations, oslo's notifier.  SQLite and oslo.messaging's
transport in memory take the places of the database server and the broker.
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import urllib.request
import warnings
from pathlib import Path
from typing import Any
from wsgiref import simple_server
from wsgiref.types import WSGIApplication

import prettytable
import webob
import webob.dec
from oslo_config import cfg
from paste import deploy as paste_deploy

from fault_middleware import deploy, migration

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

    @webob.dec.wsgify  # type: ignore[untyped-decorator]
    def __call__(self, request: webob.Request) -> webob.Response:
        if (request.method, request.path) == ("GET", PATH):
            instance = {"id": INSTANCE, "name": "orders", "status": self._status}
            return webob.Response(json_body={"instance": instance})
        if (request.method, request.path) == ("POST", f"{PATH}/action"):
            threading.Thread(target=self._resize_volume).start()
            return webob.Response(status=202)
        return webob.Response(status=404)

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
        f"Cannot extend the volume to {gigabytes} GB: the quota of your project is 40 GB. Delete "
        "a volume, or ask for more quota."
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
    :returns: 0 when the fault was shown, else 1
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
        server = simple_server.make_server(
            "127.0.0.1", options.port, _build(folder), handler_class=_QuietHandler
        )
        with server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            seen = _tell(f"http://127.0.0.1:{server.server_port}{PATH}")
            if seen and not options.once:
                with contextlib.suppress(KeyboardInterrupt):
                    threading.Event().wait()
            server.shutdown()
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


def _tell(url: str) -> bool:
    """Make the operation fail and show who sees what; whether it was seen."""
    _say(
        "1. A database instance, as its owner sees it before anything happens. The first request "
        "also starts the co-hosted consumer."
    )
    print(json.dumps(_show(url, "member"), indent=2))
    _say("2. The owner asks for a larger volume; the service accepts, and fails.")
    with urllib.request.urlopen(f"{url}/action", data=b"") as answer:  # noqa: S310 it is ours
        print(f"POST {PATH}/action -> {answer.status} {answer.reason}")
    end = time.monotonic() + 10
    while "fault" not in _show(url, "member"):
        if time.monotonic() > end:
            print("No fault came within 10 seconds.", file=sys.stderr)
            return False
        time.sleep(0.05)
    _say(
        "3. The service sent a notification, the consumer stored its fault, and the filter shows "
        "it in the same request as before. The rule fault_middleware:show:details lets only an "
        "administrator see the details."
    )
    print(_side_by_side(_show(url, "member"), _show(url, "admin")))
    _say("4. Try it; without --once, the API serves until you press Ctrl-C.")
    for role in ("member", "admin"):
        print(f"curl -s -H 'X-Roles: {role}' {url}")
    _say(
        "The filter believes X-Roles because this configuration says credentials = headers; by "
        "default only a token verified by Keystone counts."
    )
    sys.stdout.flush()
    return True


def _show(url: str, role: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"X-Roles": role})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        instance: dict[str, Any] = json.load(answer)["instance"]
    return instance


def _side_by_side(owner: dict[str, Any], admin: dict[str, Any]) -> str:
    table = prettytable.PrettyTable(["", "the owner sees", "an administrator sees"])
    table.align = "l"
    table.hrules = prettytable.HRuleStyle.ALL
    table.max_width = max(40, (shutil.get_terminal_size((130, 24)).columns - 26) // 2)
    columns = [_flat(instance) for instance in (owner, admin)]
    for key in columns[1]:
        table.add_row([key, *(column.get(key, "") for column in columns)])
    return table.get_string()


def _flat(instance: dict[str, Any]) -> dict[str, str]:
    fault = instance.pop("fault")
    return {**instance, **{f"fault.{key}": text for key, text in fault.items()}}


def _say(text: str) -> None:
    print("\n" + textwrap.fill(text, 88) + "\n")


if __name__ == "__main__":
    sys.exit(main())
