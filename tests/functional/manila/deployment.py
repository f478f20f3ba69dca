# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Manila in a folder, and runs its processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    Deployment,
    announce,
    build,
    paste,
    serve,
    start,
    wait_for_queue,
)
from tests.functional.keystone.deployment import Keystone

CONFIGURATION = """\
[DEFAULT]
api_paste_config = {folder}/api-paste.ini
enabled_share_backends = good, other
enabled_share_protocols = NFS
default_share_type = plain
rootwrap_config = {etc}/rootwrap.conf

[quota]
shares = -1
gigabytes = -1
snapshots = -1
snapshot_gigabytes = -1

[good]
share_driver = tests.functional.manila.driver.Driver
share_backend_name = good
driver_handles_share_servers = False
replication_domain = tests

[other]
share_driver = tests.functional.manila.driver.Driver
share_backend_name = other
driver_handles_share_servers = False
replication_domain = tests
"""


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Deployment]:
    """All processes of Manila in which shares can fail, with our filter and handlers.

    :param database: Manila's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    headers = {
        "X-OpenStack-Manila-API-Version": "2.65",
        "X-OpenStack-Manila-API-Experimental": "true",
    }
    made = Deployment(
        "manila", folder, services.free_port(), "/v2", headers, keystone
    )
    build(made, CONFIGURATION, database=database, faults=faults, broker=broker)
    paste(made)
    made.run("manila-manage", "db", "sync")
    announce(made, "shared-file-system")
    with start(made, "manila-scheduler"):
        # Else it may miss what a back end reports at first, and know it a minute later.
        wait_for_queue(broker, "manila-scheduler.tests")
        with serve(made, "manila-share"):
            yield made
