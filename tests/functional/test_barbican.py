# SPDX-License-Identifier: Apache-2.0
"""The manual's page on how a profile is written, step by step, with the real Barbican.

Needs barbican in the same virtualenv (``tox -e barbican``).
"""

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.documents import MANUAL, blocks
from tests.fixtures import close, make_store, wait_until
from tests.functional.cloud import need

PAGE = MANUAL / "writing-a-profile.rst"
PROJECT = "9b0f0000000040008000000000000001"
CONFIGURATION = """\
[DEFAULT]
db_auto_create = true
log_config_append = {folder}/logging.conf
host_href = http://127.0.0.1:{port}

[database]
connection = sqlite:///{folder}/barbican.sqlite

[secretstore]
enabled_secretstore_plugins = vault_plugin

[vault_plugin]
root_token_id = a-token
vault_url = http://127.0.0.1:{vault}

[fault_middleware]
profiles = {folder}/barbican.yaml
consumer = external
credentials = headers

[fault_middleware_database]
connection = {faults}
"""
SERVE = """\
import sys
from wsgiref.simple_server import make_server
from paste.deploy import loadapp
make_server("127.0.0.1", int(sys.argv[2]), loadapp(f"config:{sys.argv[1]}")).serve_forever()
"""


class Barbican:
    """Its API, whose Vault does not answer.

    :ivar log: the file that it writes its log to
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.log = folder / "api.log"
        self._url = f"http://127.0.0.1:{port}/v1"

    def ask(self, path: str, body=None, role="member"):
        """The answer to a user with a role, as JSON."""
        headers = {
            "Content-Type": "application/json",
            "X-Identity-Status": "Confirmed",
            "X-Project-Id": PROJECT,
            "X-User-Id": "bob",
            "X-Roles": role,
        }
        data = None
        if body is not None:
            data = json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def order(self) -> str:
        """The path of an order of a key."""
        meta = {
            "name": "k",
            "algorithm": "aes",
            "bit_length": 256,
            "mode": "cbc",
            "payload_content_type": "application/octet-stream",
        }
        made = self.ask("/orders", {"type": "key", "meta": meta})
        return "/orders/" + made["order_ref"].rpartition("/")[2]

    def is_up(self) -> bool:
        with contextlib.suppress(urllib.error.URLError, OSError):
            return "orders" in self.ask("/orders")
        return False


@pytest.fixture(scope="module")
def barbican(tmp_path_factory) -> Iterator[tuple[Barbican, Path]]:
    need("barbican")
    folder = tmp_path_factory.mktemp("barbican")
    faults = f"sqlite:///{folder}/faults.sqlite"
    port, vault = services.free_port(), services.free_port()
    pipeline, logging_file = blocks(PAGE, "ini")
    (folder / "barbican.yaml").write_text(blocks(PAGE, "yaml")[0])
    (folder / "logging.conf").write_text(logging_file)
    # Where Barbican looks for it.
    (folder / ".barbican").mkdir()
    (folder / ".barbican" / "barbican.conf").write_text(
        CONFIGURATION.format(
            folder=folder, port=port, vault=vault, faults=faults
        )
    )
    paste = folder / "barbican-api-paste.ini"
    paste.write_text(_changed(pipeline))
    store = make_store(faults)
    close(store)
    found = Barbican(folder, port)
    with found.log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(paste), str(port)],
            env={**os.environ, "HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(found.is_up, 60)
        yield found, folder
    finally:
        process.terminate()
        process.wait(30)


def _changed(pipeline: str) -> str:
    """Barbican's paste file, changed as the manual says, but for Keystone."""
    whole = Path(sys.prefix, "etc/barbican/barbican-api-paste.ini").read_text()
    new, _, section = pipeline.partition("\n\n")
    title, line = new.splitlines()
    old = f"{title}\n{line.replace('context fault', 'context')}\n"
    assert old in whole
    line = line.replace("authtoken ", "")
    return whole.replace(old, f"{title}\n{line}\n") + f"\n{section}\n"


def test_an_order_says_why_the_key_could_not_be_made(barbican):
    api, _ = barbican

    order = api.order()

    wait_until(lambda: "fault" in api.ask(order), 30)
    shown = api.ask(order)
    assert shown["status"] == "ERROR"
    assert shown["error_reason"] == (
        "Process TypeOrder failure seen - please contact site administrator."
    )
    assert shown["fault"]["message"] == "The store of secrets does not answer."
    assert set(shown["fault"]) == {"created", "message"}
    details = api.ask(order, role="member,admin")["fault"]["details"]
    assert "Connection refused" in details


def test_a_list_of_orders_says_the_same(barbican):
    api, _ = barbican
    order = api.order()
    wait_until(lambda: "fault" in api.ask(order), 30)

    listed = api.ask("/orders?limit=100")["orders"]

    faults = {
        "/orders/" + found["order_ref"].rpartition("/")[2]: found.get("fault")
        for found in listed
    }
    assert faults[order] == api.ask(order)["fault"]


def test_the_commands_say_what_the_manual_says(barbican):
    api, folder = barbican
    api.order()
    profile = folder / "barbican.yaml"
    (shown,) = blocks(PAGE, "console")
    _, said, *_ = shown.splitlines()

    checked = _run("check", str(profile))
    tried = _run("try", str(profile), "--log", str(api.log), "-f", "json")

    assert checked.strip() == said.replace(
        "/etc/barbican/barbican.yaml", str(profile)
    )
    # The same exception is logged once more, with a text that no rule means.
    rows = json.loads(tried)
    (found, *_) = (row for row in rows if row["action"] == "record")
    assert "SecretGeneralException" in found.values()
    assert "(not in the file)" in found.values()


def _run(*arguments: str) -> str:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "fault_middleware.cmd.manage",
        "profile",
        *arguments,
    ]
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout
