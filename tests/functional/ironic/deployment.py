# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Ironic in a folder, and runs its processes."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    Deployment,
    announce,
    build,
    serve,
    start,
    wait_for_queue,
)
from tests.functional.keystone.deployment import Keystone

#: The interfaces of :mod:`.driver` by the group of their entry points, behind
#: ``ironic.hardware.interfaces``.
INTERFACES = {
    "bios": "BIOS",
    "boot": "Boot",
    "console": "Console",
    "deploy": "Deploy",
    "inspect": "Inspect",
    "management": "Management",
    "power": "Power",
    "raid": "RAID",
    "rescue": "Rescue",
    "storage": "Storage",
}
CONFIGURATION = """\
[DEFAULT]
enabled_hardware_types = fake-hardware
enabled_network_interfaces = noop
default_network_interface = noop
notification_level = info
{interfaces}

[api]
public_endpoint = http://127.0.0.1:{port}

[conductor]
heartbeat_interval = 2
sync_power_state_interval = 2
power_state_sync_max_retries = 1
power_failure_recovery_interval = 2
check_provision_state_interval = 2
check_rescue_state_interval = 2
check_allocations_interval = 3
deploy_callback_timeout = 4
clean_callback_timeout = 4
"""


OWN_API = """\
[api]
host_ip = 127.0.0.1
port = {port}
middleware = fault_middleware
"""


@dataclasses.dataclass(frozen=True)
class Hardware(Deployment):
    """An Ironic with a driver of the tests'."""

    @property
    def environ(self) -> dict[str, str]:
        """What the processes run with; the driver's entry points are in the folder."""
        found = super().environ
        return {**found, "PYTHONPATH": f"{found['PYTHONPATH']}:{self.folder}"}


def _install_driver(folder: Path) -> str:
    """Write the driver's entry points; returns how it is enabled."""
    package = folder / "failing-1.0.dist-info"
    package.mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: failing\nVersion: 1.0\n"
    (package / "METADATA").write_text(metadata)
    points, options = [], []
    for kind, name in INTERFACES.items():
        points.append(f"[ironic.hardware.interfaces.{kind}]")
        points.append(f"failing = tests.functional.ironic.driver:{name}")
        options.append(f"enabled_{kind}_interfaces = failing")
        options.append(f"default_{kind}_interface = failing")
    (package / "entry_points.txt").write_text("\n".join(points))
    return "\n".join(options)


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Hardware]:
    """All processes of Ironic with our filter and handlers.

    :param database: Ironic's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    version = {"X-OpenStack-Ironic-API-Version": "1.95"}
    made = Hardware(
        "ironic", folder, services.free_port(), "/v1", version, keystone
    )
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        port=made.port,
        interfaces=_install_driver(folder),
    )
    made.run("ironic-dbsync", "create_schema")
    announce(made, "baremetal", "")
    with serve(made, "ironic-conductor"):
        # What is asked before the conductor receives is refused.
        wait_for_queue(broker, "ironic.conductor_manager", 120)
        yield made


@contextlib.contextmanager
def own_api(deployment: Hardware) -> Iterator[Hardware]:
    """The API once more, in Ironic's own program, which takes our filter by its name."""
    port = services.free_port()
    conf = deployment.folder / "own-api.conf"
    conf.write_text(OWN_API.format(port=port))
    command = deployment.command("ironic-api", "--config-file", str(conf))
    with start(deployment, "own-api", command, port):
        yield dataclasses.replace(deployment, port=port)
