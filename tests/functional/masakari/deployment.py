# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Masakari in a folder, and runs its processes."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    Deployment,
    announce,
    build,
    paste,
    start,
    wait_for_queue,
)
from tests.functional.keystone.deployment import PASSWORD, SERVICE, Keystone

#: As whom Masakari asks Nova.
PRIVILEGED = "nova"
CONFIGURATION = """\
[DEFAULT]
masakari_api_listen = 127.0.0.1
masakari_api_listen_port = {port}
masakari_api_workers = 1
os_privileged_user_name = {privileged}
os_privileged_user_password = {password}
os_privileged_user_tenant = {tenant}
os_privileged_user_auth_url = {identity}/v3
# In SQLite a name is in large and small letters what it is.
os_user_domain_name = Default
os_project_domain_name = Default
wait_period_after_service_update = 2
wait_period_after_evacuation = 2
wait_period_after_power_off = 2
wait_period_after_power_on = 2
process_unfinished_notifications_interval = 2
periodic_fuzzy_delay = 0
duplicate_notification_detection_interval = 1

[taskflow]
connection = {database}
"""


@dataclasses.dataclass(frozen=True)
class Recovery(Deployment):
    """A Masakari.

    :ivar nova: the port of what stands in for Nova
    """

    nova: int = 0


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Recovery]:
    """All processes of Masakari, with our filter and handlers, and what stands in for Nova.

    :param database: Masakari's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Recovery(
        "masakari",
        folder,
        services.free_port(),
        "/v1",
        {"OpenStack-API-Version": "instance-ha 1.0"},
        keystone,
        nova=services.free_port(),
    )
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        identity=keystone.url,
        password=PASSWORD,
        privileged=PRIVILEGED,
        tenant=SERVICE,
        port=made.port,
    )
    paste(made)
    made.run("masakari-manage", "db", "sync")
    announce(made, "instance-ha", "/v1/%(project_id)s")
    address = f"http://127.0.0.1:{made.nova}/compute/v2.1"
    keystone.add_service("compute", address, "nova")
    keystone.add_user(PRIVILEGED, SERVICE, "admin")
    nova = [sys.executable, "-m", "tests.functional.masakari.nova"]
    api, engine = "masakari-api", "masakari-engine"
    with (
        start(made, "nova", [*nova, str(made.nova)], made.nova),
        start(made, engine),
        start(made, api, port=made.port),
    ):
        # What is sent before the engine receives is tried a minute later.
        wait_for_queue(broker, "ha_engine")
        yield made
