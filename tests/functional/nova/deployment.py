# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Nova in a folder, and runs its processes."""

import concurrent.futures
import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional import deployment, emitting
from tests.functional.deployment import (
    BIN,
    Deployment,
    Program,
    announce,
    section,
)
from tests.functional.keystone.deployment import Keystone

#: The hosts that servers can run on.
COMPUTES = ("one", "two")
CONFIGURATION = """\
[DEFAULT]
compute_driver = failing.Driver
rpc_response_timeout = 10
long_rpc_timeout = 10
report_interval = 2
service_down_time = 20
resize_fs_using_block_device = false
reclaim_instance_interval = 600
update_resources_interval = 5
cpu_allocation_ratio = 64
running_deleted_instance_poll_interval = 5
sync_power_state_interval = 5

[api]
auth_strategy = keystone
response_validation = error

[wsgi]
api_paste_config = {folder}/api-paste.ini

[quota]
instances = -1
cores = -1
ram = -1

[scheduler]
discover_hosts_in_cells_interval = 2
max_placement_results = 10
workers = 1

[conductor]
workers = 1
{service_user}send_service_user_token = true

[placement]
auth_section = service_user
connect_retries = 0

[neutron]
auth_section = service_user
http_retries = 0

[cinder]
auth_section = service_user
http_retries = 0

[glance]
num_retries = 0

[keystone]
auth_section = service_user

[vnc]
enabled = false

[key_manager]
backend = nova.keymgr.conf_key_mgr.ConfKeyManager
fixed_key = 0000000000000000000000000000000000000000000000000000000000000000
"""
#: Where what is sent is kept: that of both formats.
BOTH = """
[notifications]
notification_format = both
"""
PLACEMENT = """\
[api]
auth_strategy = keystone

[placement_database]
connection = {database}
{authtoken}"""
#: Where Keystone's catalog has what Nova speaks to: the type and the path.
CATALOG = {
    "placement": ("placement", ""),
    "networks": ("network", ""),
    "volumes": ("volumev3", "/v3/%(project_id)s"),
    "images": ("image", ""),
}
CELLS = """\
[api_database]
connection = {api}
"""
COMPUTE = """\
[DEFAULT]
host = {host}
state_path = {folder}/{host}
"""


@dataclasses.dataclass(frozen=True)
class Databases:
    """URLs of what Nova and Placement keep, and of the faults."""

    api: str
    cell: str
    cell0: str
    placement: str
    faults: str


@dataclasses.dataclass(frozen=True)
class Nova(Deployment):
    """Nova's files in a folder, its processes, and those that it speaks to.

    :ivar ports: of what is spoken to over HTTP, by the name of the process
    """

    ports: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "OS_PLACEMENT_CONFIG_DIR": str(self.folder)}

    def commands(self) -> dict[str, list[str]]:
        """How each process is called."""
        python = [sys.executable, "-m"]
        found = {}
        for kind in ("networks", "volumes", "images"):
            module = "tests.functional.nova.neighbours"
            found[kind] = [*python, module, kind, str(self.ports[kind])]
        found["placement"] = self.gunicorn(
            "placement",
            "placement.wsgi.api:application",
            # It listens when it can answer: computes do not start without.
            "--preload",
        )
        cells = ["--config-file", str(self.folder / "cells.conf")]
        for name in ("nova-conductor", "nova-scheduler"):
            found[name] = self.command(name, *cells)
        for host in COMPUTES:
            files = (self.conf, self.folder / f"{host}.conf")
            found[host] = [*python, "tests.functional.nova.compute"]
            for file in files:
                found[host] += ["--config-file", str(file)]
        found["nova-api"] = self.gunicorn(
            "nova-api", "tests.functional.nova.wsgi:application"
        )
        return found

    def gunicorn(self, name: str, application: str, *options: str):
        return [
            *(str(BIN / "gunicorn"), "-k", "gthread", "--threads", "8"),
            *("-b", f"127.0.0.1:{self.ports[name]}", *options, application),
        ]


def build(
    folder: Path, databases: Databases, *, broker: str, keystone: Keystone
) -> Nova:
    """Write the configurations, Nova's own paste file with our fragment, and the tables.

    :param keystone: that may have only begun
    """
    names = ("nova-api", "placement", "networks", "volumes", "images")
    ports = {name: services.free_port() for name in names}
    headers = {"OpenStack-API-Version": "compute 2.96"}
    made = Nova(
        "nova",
        folder,
        ports["nova-api"],
        "/v2.1",
        headers,
        keystone,
        ports=ports,
    )
    more = BOTH if emitting.is_wanted() else ""
    deployment.build(
        made,
        CONFIGURATION + more,
        broker=broker,
        database=databases.cell,
        faults=databases.faults,
        service_user=section(made, "service_user"),
    )
    deployment.paste(made)
    _write(made, "cells", CELLS, api=databases.api)
    _write(
        made,
        "placement",
        PLACEMENT,
        database=databases.placement,
        authtoken=section(made),
    )
    for host in COMPUTES:
        (folder / host).mkdir()
        _write(made, host, COMPUTE, host=host, folder=folder)
    _make_tables(made, databases.cell0)
    announce(made, "compute")
    for name, (kind, path) in CATALOG.items():
        url = f"http://127.0.0.1:{ports[name]}{path}"
        keystone.add_service(kind, url)
    return made


def _write(made: Nova, name: str, text: str, **values: object) -> None:
    (made.folder / f"{name}.conf").write_text(text.format(**values))


def _make_tables(made: Nova, cell0: str) -> None:
    """Placement's beside Nova's: each takes its time."""
    file = str(made.folder / "placement.conf")
    placement = [str(BIN / "placement-manage"), "--config-file", file]
    cells = ["--config-file", str(made.folder / "cells.conf")]
    manage = made.command("nova-manage", *cells)
    begun = [
        _begin(made, [*placement, "db", "sync"]),
        _begin(made, [*manage, "db", "sync", "--local_cell"]),
        _begin(made, [*manage, "api_db", "sync"]),
    ]
    _end(begun.pop())
    _end(
        _begin(
            made,
            [*manage, "cell_v2", "map_cell0", "--database_connection", cell0],
        )
    )
    while begun:
        _end(begun.pop())
    _end(_begin(made, [*manage, "db", "sync"]))
    create = ["cell_v2", "create_cell", "--name", "cell1"]
    _end(_begin(made, [*manage, *create]))


def _begin(made: Nova, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=made.environ,
        cwd=made.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end(begun: subprocess.Popen[str]) -> None:
    output, _ = begun.communicate()
    assert begun.returncode == 0, output


@contextlib.contextmanager
def serve(made: Nova) -> Iterator[None]:
    """Run all processes, which begin at once, and end at once; computes begin when others have."""
    for name, command in made.commands().items():
        port = made.ports.get(name)
        made.programs[name] = Program(made, name, command, port)
    computes = [made.programs[host] for host in COMPUTES]
    others = [one for one in made.programs.values() if one not in computes]
    with concurrent.futures.ThreadPoolExecutor(len(made.programs)) as pool:
        try:
            list(pool.map(Program.start, others))
            list(pool.map(Program.start, computes))
            yield
        finally:
            list(pool.map(Program.stop, made.programs.values()))
