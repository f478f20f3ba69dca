# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of audits, and of plans with their actions."""

from tests.functional.cloud import Resource
from tests.functional.deployment import ADMIN
from tests.functional.endings import deletion
from tests.functional.watcher.failures import (
    AUDITS,
    LOGGED,
    PLANS,
    Optimizations,
)


def _delete(cloud: Optimizations, resource: Resource) -> None:
    cloud.call("DELETE", resource.path, token=ADMIN)


# Watcher tries none of them a second time.
ENDINGS = {
    failure.name: deletion(_delete) for failure in (*AUDITS, *PLANS, LOGGED)
}
