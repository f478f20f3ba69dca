# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Magnum in a folder, and runs its processes."""

import contextlib
import sys
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
from tests.functional.magnum.neighbours import PATHS

CONFIGURATION = """\
[DEFAULT]
periodic_interval_max = 2

[api]
api_paste_config = {folder}/api-paste.ini

[conductor]
workers = 2

[certificates]
cert_manager_type = x509keypair

[cluster_template]
kubernetes_allowed_network_drivers = flannel

[quotas]
max_clusters_per_project = 1000

[keystone_auth]
auth_section = keystone_authtoken

[oslo_policy]
policy_file = {folder}/policy.yaml
"""
DRIVERS = {"tests": "Driver", "leaving": "Leaving"}


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Deployment]:
    """All processes of Magnum with our filter and handlers, and its neighbours.

    :param database: Magnum's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Deployment(
        "magnum",
        folder,
        services.free_port(),
        "/v1",
        {"OpenStack-API-Version": "container-infra latest"},
        keystone,
    )
    build(made, CONFIGURATION, database=database, faults=faults, broker=broker)
    (folder / "policy.yaml").write_text("{}\n")
    for name, driver in DRIVERS.items():
        target = f"tests.functional.magnum.driver:{driver}"
        made.install("magnum.drivers", name, target)
    paste(made)
    made.run("magnum-db-manage", "upgrade")
    announce(made, "container-infra")
    port = services.free_port()
    for kind in PATHS:
        keystone.add_service(kind, f"http://127.0.0.1:{port}/{kind}")
    neighbours = [sys.executable, "-m", "tests.functional.magnum.neighbours"]
    with (
        start(made, "neighbours", [*neighbours, str(port)], port),
        serve(made, "magnum-conductor"),
    ):
        wait_for_queue(broker, "magnum-conductor")
        yield made
