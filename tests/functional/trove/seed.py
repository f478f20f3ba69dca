# SPDX-License-Identifier: Apache-2.0
"""Fills a new database of Trove through Trove's own models.

Run as ``python -m tests.functional.trove.seed``, with the configuration named by
TROVE_CONF; with ``spares`` behind it there are instances for failures too.
"""

import json
import os
import sys
import traceback
from pathlib import Path

WITH_SPARES = "spares" in sys.argv
sys.argv = [sys.argv[0], "--config-file", os.environ["TROVE_CONF"]]

from trove.cmd.common import with_initialize  # noqa: E402

from tests.functional.trove.instances import INSTANCES, SPARES, uid  # noqa: E402

DATASTORE = "0d000000-0000-4000-8000-000000000001"
VERSION = "0d000000-0000-4000-8000-000000000002"


@with_initialize
def main(conf):
    from trove.common import timeutils
    from trove.datastore import models as datastores
    from trove.instance import models
    from trove.instance.service_status import ServiceStatuses
    from trove.instance.tasks import InstanceTasks

    datastores.DBDatastore.create(
        id=DATASTORE, name="mysql", default_version_id=VERSION
    )
    datastores.DBDatastoreVersion.create(
        id=VERSION,
        datastore_id=DATASTORE,
        name="8.0",
        manager="mysql",
        image_id=uid(900),
        image_tags="trove,mysql",
        packages="",
        active=True,
        version="8.0.36",
        registry_ext="trove.guestagent.datastore.mysql.manager.Manager",
        repl_strategy="trove.guestagent.strategies.replication.mysql_gtid.MysqlGTIDReplication",
    )
    cloud = {"servers": {}, "ports": {}}
    seeds = [*INSTANCES, *SPARES] if WITH_SPARES else INSTANCES
    for number, seeded in enumerate(seeds):
        server = uid(100 + number)
        models.DBInstance.create(
            id=seeded.id,
            name=seeded.name,
            tenant_id=seeded.project,
            flavor_id="1",
            volume_size=5,
            volume_id=uid(200 + number),
            compute_instance_id=server,
            datastore_version_id=VERSION,
            region_id="RegionOne",
            hostname=None,
            task_status=getattr(InstanceTasks, seeded.task),
            access={"is_public": False},
            slave_of_id=seeded.replica_of,
        )
        if seeded.service:
            models.InstanceServiceStatus.create(
                instance_id=seeded.id,
                status=getattr(ServiceStatuses, seeded.service),
            )
        if seeded.nova:
            cloud["servers"][server] = {
                "instance": seeded.id,
                "name": seeded.name,
                "status": seeded.nova,
                "project": seeded.project,
            }
            address = {"ip_address": f"192.0.2.{10 + number}"}
            cloud["ports"][server] = [
                {
                    "id": f"port-{number}",
                    "network_id": "net-1",
                    "fixed_ips": [address],
                }
            ]
        if seeded.fault:
            try:
                raise RuntimeError(f"seeded failure of {seeded.name}")
            except RuntimeError as exc:
                lines = [
                    "Server type: taskmanager\n",
                    *traceback.format_exception(exc),
                ]
                models.save_instance_fault(seeded.id, str(exc), lines)
        if seeded.deleted:
            # As Trove leaves the rows of an instance that it deleted.
            row = models.DBInstance.find_by(id=seeded.id)
            row.datastore_version_id = None
            stored = models.DBInstanceFault.find_by(instance_id=seeded.id)
            for deleted in (row, stored):
                deleted.deleted = True
                deleted.deleted_at = timeutils.utcnow()
                deleted.save()
    Path(os.environ["TROVE_CLOUD"]).write_text(json.dumps(cloud))


main()
