# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Glance in a folder, and runs its API."""

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
)
from tests.functional.keystone.deployment import Keystone

#: The most bytes that an image may have.
LARGEST = 100_000
#: The most bytes that all images of a project may have.
QUOTA = 1_000_000
CONFIGURATION = """\
[DEFAULT]
enabled_backends = fast:tests, slow:tests
image_size_cap = {largest}
user_storage_quota = {quota}
worker_self_reference_url = http://127.0.0.1
enabled_import_methods = [glance-direct, web-download, copy-image]
node_staging_uri = file://{folder}/os_glance_staging_store

[glance_store]
default_backend = fast

[fast]
filesystem_store_datadir = {folder}/fast

[slow]
filesystem_store_datadir = {folder}/slow

[os_glance_staging_store]
filesystem_store_datadir = {folder}/os_glance_staging_store

[os_glance_tasks_store]
filesystem_store_datadir = {folder}/os_glance_tasks_store

[paste_deploy]
flavor = keystone
config_file = {folder}/glance-api-paste.ini

[import_filtering_opts]
allowed_hosts = [127.0.0.1]
allowed_ports = [{nobody}]
"""
_ENTRY_POINTS = """\
[glance_store.drivers]
tests = tests.functional.glance.store:Store
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
    """Glance's API with our filter and handlers.

    :param database: Glance's own
    :param faults: the database of the faults
    :param broker: not used; Glance has no RPC
    :param keystone: that may have only begun
    """
    made = Deployment(
        "glance", folder, services.free_port(), "/v2", {}, keystone
    )
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        largest=LARGEST,
        quota=QUOTA,
        nobody=services.free_port(),
    )
    (folder / "glance-api.conf").symlink_to(made.conf)
    for name in ("fast", "slow", "os_glance_staging_store"):
        (folder / name).mkdir()
    package = folder / "tests_store-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: tests-store\nVersion: 1\n")
    (package / "entry_points.txt").write_text(_ENTRY_POINTS)
    paste(made, "glance-api-paste.ini")
    made.run("glance-manage", "db_sync")
    announce(made, "image", "")
    with serve(made):
        yield made
