# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of recoveries."""

from tests.functional.cloud import Resource
from tests.functional.deployment import ADMIN
from tests.functional.endings import command
from tests.functional.masakari.failures import FAILURES, Recoveries


def _clear(cloud: Recoveries, recovery: Resource) -> None:
    arguments = ("fault", "clear", recovery.id)
    cloud.deployment.run("fault-middleware-manage", *arguments)


def _remove(cloud: Recoveries, recovery: Resource) -> None:
    assert cloud.refused("DELETE", recovery.path, token=ADMIN)
    assert cloud.refused("PUT", recovery.path, {}, ADMIN)


# Masakari has tried it twice by itself.
_CLEARED = command(
    _clear, _remove, "Masakari neither repeats nor deletes a recovery"
)
ENDINGS = {failure.name: _CLEARED for failure in FAILURES}
