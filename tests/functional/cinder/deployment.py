# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Cinder in a folder, and runs its processes."""

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
)
from tests.functional.keystone.deployment import Keystone

VERSION = "OpenStack-API-Version"
CONFIGURATION = """\
[DEFAULT]
api_paste_config = {folder}/api-paste.ini
enabled_backends = good, full
default_volume_type = good
glance_num_retries = 0
backup_driver = tests.functional.cinder.backup.Driver
backup_posix_path = {folder}/backups
rootwrap_config = {etc}/rootwrap.conf
resource_query_filters_file = {etc}/resource_filters.json
quota_volumes = -1
quota_snapshots = -1
quota_gigabytes = -1
quota_backups = -1
quota_backup_gigabytes = -1
# What an hour brings comes within minutes, and the log tells of each time.
periodic_interval = 1
backend_stats_polling_interval = 3
backup_driver_stats_polling_interval = 10
message_reap_interval = 3
reservation_clean_interval = 3
default_log_levels = amqp=WARN, sqlalchemy=WARN, stevedore=WARN, oslo_service.periodic_task=DEBUG

[service_user]
send_service_user_token = true
auth_section = keystone_authtoken

[good]
volume_driver = tests.functional.cinder.driver.Driver
volume_backend_name = good
target_helper = fake

[full]
volume_driver = tests.functional.cinder.driver.Driver
volume_backend_name = full
target_helper = fake
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
    """All processes of Cinder with our filter and handlers, and what stands in for Glance.

    :param database: Cinder's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Deployment(
        "cinder",
        folder,
        services.free_port(),
        "/v3/{project}",
        {VERSION: "volume 3.71"},
        keystone,
    )
    build(made, CONFIGURATION, database=database, faults=faults, broker=broker)
    for name in ("backups", "conversion"):
        (folder / name).mkdir()
    paste(made)
    made.run("cinder-manage", "db", "sync")
    announce(made, "block-storage")
    images = services.free_port()
    keystone.add_service("image", f"http://127.0.0.1:{images}", "glance")
    glance = [sys.executable, "-m", "tests.functional.cinder.images"]
    with (
        start(made, "images", [*glance, str(images)], images),
        serve(made, "cinder-scheduler", "cinder-volume", "cinder-backup"),
    ):
        yield made
