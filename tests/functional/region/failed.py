# SPDX-License-Identifier: Apache-2.0
"""The resources that have failed: one of each service in each project."""

import dataclasses
import uuid

#: What people call such a resource, by the service.
WORDS = {
    "cinder": "volume",
    "designate": "zone",
    "glance": "image",
    "heat": "stack",
    "magnum": "cluster",
    "manila": "share",
    "masakari": "notification",
    "nova": "server",
    "tacker": "vnf-operation",
    "trove": "database",
}
_NAMESPACE = uuid.UUID("fa17ab1e-0000-4000-8000-000000000000")


@dataclasses.dataclass(frozen=True)
class Failed:
    """A resource, and why it failed.

    :ivar project: the name of its project
    """

    service: str
    project: str
    project_id: str

    @property
    def id(self) -> str:
        """The same wherever the resource is asked for."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.service} {self.project_id}"))

    @property
    def name(self) -> str:
        if self.service == "designate":
            return f"{self.project}.example."
        if self.service == "tacker":
            # The operation: it has no other name.
            return "INSTANTIATE"
        return f"{self.project}-{self.service}"

    @property
    def word(self) -> str:
        return WORDS[self.service]

    @property
    def message(self) -> str:
        """What its owner reads."""
        return f"The {self.word} of {self.project} could not be made."

    @property
    def details(self) -> str:
        """What administrators read."""
        return f"Traceback: no space left for {self.project}"
