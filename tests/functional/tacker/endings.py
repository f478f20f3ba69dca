# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of VNF instances: Tacker notifies of nothing, and logs no success."""

import dataclasses

from tests.functional.cloud import Resource
from tests.functional.endings import command
from tests.functional.tacker.deployment import BIN, Deployment
from tests.functional.tacker.failures import FAILURES


@dataclasses.dataclass(frozen=True)
class Instances:
    """The VNF instances of a deployment.

    :ivar changed: what became of a change of each after its failure, by their ids
    """

    deployment: Deployment
    changed: dict[str, str]


def _clear(cloud: Instances, instance: Resource) -> None:
    cloud.deployment.run(
        str(BIN / "fault-middleware-manage"),
        *("--config-file", cloud.deployment.conf),
        *("fault", "clear", instance.id),
    )


def _change(cloud: Instances, instance: Resource) -> None:
    assert cloud.changed[instance.id] == "COMPLETED"


_CLEARED = command(
    _clear, _change, "not by a change of the VNF instance that goes well"
)
ENDINGS = {failure.name: _CLEARED for failure in FAILURES}
