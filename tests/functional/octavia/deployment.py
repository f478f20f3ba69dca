# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Octavia in a folder, and runs its processes."""

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    Deployment,
    announce,
    build,
    serve,
    wait_for_queue,
)
from tests.functional.keystone.deployment import Keystone

#: The drivers of :mod:`.drivers` by the group of their entry points.
DRIVERS = {
    "octavia.amphora.drivers": "Amphora",
    "octavia.compute.drivers": "Compute",
    "octavia.network.drivers": "Network",
}
NETWORK = "4e000000-0000-4000-8000-000000000001"
SUBNET = "5b000000-0000-4000-8000-000000000001"
#: With which amphorae sign what they report.
KEY = "none-at-all"
CONFIGURATION = """\
[api_settings]
enabled_provider_drivers = amphora: amphorae
default_provider_driver = amphora

[controller_worker]
workers = 1
amphora_driver = failing
compute_driver = failing
network_driver = failing
image_driver = image_noop_driver
volume_driver = volume_noop_driver
amp_boot_network_list = {network}
amp_image_tag = amphora
amp_flavor_id = 1
amp_active_retries = 2
amp_active_wait_sec = 1
amphora_delete_retries = 1
amphora_delete_retry_interval = 1
client_ca = {folder}/ca.pem
loadbalancer_topology = SINGLE

[haproxy_amphora]
connection_max_retries = 2
connection_retry_interval = 1
client_cert = {folder}/ca.pem
server_ca = {folder}/ca.pem

[certificates]
cert_generator = local_cert_generator
ca_certificate = {folder}/ca.pem
ca_private_key = {folder}/ca.key
ca_private_key_passphrase = none-at-all

[health_manager]
bind_ip = 127.0.0.1
bind_port = {heartbeats}
controller_ip_port_list = 127.0.0.1:{heartbeats}
heartbeat_key = {key}
heartbeat_timeout = 4
health_check_interval = 1
sock_rlimit = 0

[oslo_messaging]
topic = octavia

[service_auth]
auth_section = keystone_authtoken
"""


@dataclasses.dataclass(frozen=True)
class Balancing(Deployment):
    """An Octavia with drivers of the tests'.

    :ivar heartbeats: the port to which amphorae report
    :ivar broker: its URL
    """

    heartbeats: int = 0
    broker: str = ""

    def wait_for_worker(self) -> None:
        """Wait until the worker receives: what is sent to it before is lost."""
        wait_for_queue(self.broker, "octavia_provisioning_v2", 120)

    @property
    def environ(self) -> dict[str, str]:
        """What the processes run with; the drivers' entry points are in the folder."""
        found = super().environ
        return {**found, "PYTHONPATH": f"{found['PYTHONPATH']}:{self.folder}"}


def _install_drivers(folder: Path) -> None:
    """Write the entry points of the drivers."""
    package = folder / "failing-1.0.dist-info"
    package.mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: failing\nVersion: 1.0\n"
    (package / "METADATA").write_text(metadata)
    points = []
    for group, name in DRIVERS.items():
        points.append(f"[{group}]")
        points.append(f"failing = tests.functional.octavia.drivers:{name}")
    (package / "entry_points.txt").write_text("\n".join(points))


def _make_authority(folder: Path) -> None:
    """Make what signs the certificates of amphorae."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048"),
            *("-passout", "pass:none-at-all", "-subj", "/CN=tests"),
            *("-keyout", "ca.key", "-out", "ca.pem", "-days", "30"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Balancing]:
    """All processes of Octavia with our filter and handlers.

    :param database: Octavia's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Balancing(
        "octavia",
        folder,
        services.free_port(),
        "/v2/lbaas",
        {},
        keystone,
        heartbeats=services.free_port(),
        broker=broker,
    )
    _install_drivers(folder)
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        heartbeats=made.heartbeats,
        key=KEY,
        network=NETWORK,
    )
    _make_authority(folder)
    made.run("octavia-db-manage", "upgrade", "head")
    # Octavia's catalog entry is without what its paths begin with.
    announce(made, "load-balancer", "")
    with serve(made, "octavia-worker", "octavia-health-manager"):
        made.wait_for_worker()
        yield made
