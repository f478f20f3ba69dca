# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of instances; nothing fails by then.

Trove says of an operation that it ended, whether it went well or not.
"""

from tests.fixtures import wait_until
from tests.functional.cloud import Resource
from tests.functional.endings import deletion, deletion_alone
from tests.functional.trove.failures import FAILURES, Databases


def _reboot(cloud: Databases, instance: Resource) -> None:
    cloud.administer(instance, reboot={})
    assert cloud.show(instance)["operating_status"] == "HEALTHY"


def _resize_volume(cloud: Databases, instance: Resource) -> None:
    cloud.resize_volume(instance)
    assert cloud.show(instance)["volume"]["size"] == 7


def _upgrade(cloud: Databases, instance: Resource) -> None:
    cloud.change(instance, datastore_version="8.0")
    assert cloud.show(instance)["operating_status"] == "HEALTHY"


def _open(cloud: Databases, instance: Resource) -> None:
    cloud.open(instance)
    wait_until(lambda: cloud.show(instance)["access"]["is_public"])


def _detach(cloud: Databases, instance: Resource) -> None:
    cloud.change(instance, replica_of="")
    assert "replica_of" not in cloud.show(instance)


ENDINGS = {
    **{failure.name: deletion() for failure in FAILURES},
    "reboot": deletion_alone("a reboot", _reboot),
    "resize volume, Cinder refuses": deletion_alone(
        "a resize", _resize_volume
    ),
    "upgrade, the agent fails": deletion_alone("an upgrade", _upgrade),
    "access, Neutron refuses": deletion_alone("a change", _open),
    "detach, the agent fails": deletion_alone("a detachment", _detach),
}
