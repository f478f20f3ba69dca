# SPDX-License-Identifier: Apache-2.0
"""The VNF instances and operations in the deployment: those of the recorded requests."""

import dataclasses
import functools
from typing import Any

PROJECT = "p1"
MEMBER = "member:p1:alice"
ADMIN = "admin:p1:root"

PLAIN = {
    "title": "",
    "status": 500,
    "detail": "Failed executing ansible playbook (exit code 2)",
}
RICH = {
    "type": "https://example.org/faults/mgmt-driver/ansible",
    "title": "Ansible playbook failed",
    "status": 500,
    "detail": "VDU1: task 'install web server' failed: No package matching 'nginxx' is available",
    "instance": "https://example.org/faults/4711",
    "vduName": "VDU1",
    "failedTask": "install web server",
    "stdout": 'fatal: [VDU1]: FAILED! => {"msg": "No package matching \'nginxx\' is available"}',
}


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of the API, with a VNF instance and its operations.

    :ivar headers: what a client has to send
    """

    number: int
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return f"/vnflcm/v{self.number}"

    def _uid(self, end: str) -> str:
        return f"{str(self.number) * 8}-0000-4000-8000-00000000{end}"

    instance = property(functools.partial(_uid, end="0001"))
    completed = property(functools.partial(_uid, end="c001"))
    plain_error = property(functools.partial(_uid, end="f001"))
    no_error = property(functools.partial(_uid, end="f002"))
    rich_error = property(functools.partial(_uid, end="f003"))
    # The same error, put into the database past Tacker's classes.
    raw_error = property(functools.partial(_uid, end="f004"))

    @property
    def operations(self) -> dict[str, dict[str, Any] | None]:
        """The errors of the operations, in the order in which they began, each a minute long."""
        return {
            self.completed: None,
            self.plain_error: PLAIN,
            self.no_error: None,
            self.rich_error: RICH,
            self.raw_error: None,
        }


V1 = Version(1, {})
V2 = Version(2, {"Version": "2.0.0"})
