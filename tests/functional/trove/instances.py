# SPDX-License-Identifier: Apache-2.0
"""The instances in the deployment: those of the recorded requests."""

import dataclasses

PROJECT = "p1"
OTHER_PROJECT = "p2"
MEMBER = "member:p1:alice"
ADMIN = "admin:p1:root"


def uid(number: int) -> str:
    return f"fa17ab1e-c0de-4bad-8ace-{number:012d}"


MISSING = uid(999)


@dataclasses.dataclass(frozen=True)
class Seeded:
    """An instance as the seed writes it.

    :ivar task: the name of Trove's task status
    :ivar nova: the status of its server, None where there is no server
    :ivar service: the status that the guest reported, None for no such row
    :ivar fault: whether Trove itself keeps a fault of it
    """

    id: str
    name: str
    task: str = "NONE"
    nova: str | None = "ACTIVE"
    service: str | None = "HEALTHY"
    fault: bool = False
    project: str = PROJECT
    replica_of: str | None = None
    deleted: bool = False


ACTIVE = Seeded(uid(1), "db-active")
ERROR_FAULT = Seeded(
    uid(2),
    "db-error-with-fault",
    task="BUILDING_ERROR_SERVER",
    nova="ERROR",
    service="BUILDING",
    fault=True,
)
ERROR_NO_FAULT = Seeded(
    uid(3), "db-error-no-fault", nova="ERROR", service="FAILED"
)
BUILD = Seeded(
    uid(4), "db-build", task="BUILDING", nova="BUILD", service="NEW"
)
REPLICA = Seeded(uid(5), "db-replica", replica_of=ACTIVE.id)
ACTIVE_FAULT = Seeded(uid(6), "db-active-old-fault", fault=True)
NOVA_GONE = Seeded(uid(9), "db-nova-gone", nova=None)
DELETED = Seeded(
    uid(10),
    "db-deleted",
    nova=None,
    service="DELETED",
    fault=True,
    deleted=True,
)
INSTANCES = [
    ACTIVE,
    ERROR_FAULT,
    ERROR_NO_FAULT,
    BUILD,
    REPLICA,
    ACTIVE_FAULT,
    Seeded(uid(7), "db-promote-error", task="PROMOTION_ERROR"),
    Seeded(uid(8), "db-of-p2", project=OTHER_PROJECT),
    NOVA_GONE,
    DELETED,
    Seeded(uid(11), "db-no-status", service=None),
]

# What fails at instances of this project's, which is that of all services' tests.
OWNER = "a1" * 16


def _spare(number: int, name: str, **others: str) -> Seeded:
    return Seeded(uid(number), name, project=OWNER, **others)


#: Of these runs Trove's own agent, which has a Docker with a full disk.
WATCHED = [_spare(300 + number, f"db-watched-{number}") for number in range(4)]
SPARE = [_spare(400 + number, f"db-spare-{number}") for number in range(12)]
REPLICAS = [
    _spare(500 + number, f"db-replica-{number}", replica_of=SPARE[-number].id)
    for number in (1, 2)
]
NOT_READY = _spare(600, "db-not-ready", task="PROMOTION_ERROR")
SPARES = [*WATCHED, *SPARE, *REPLICAS, NOT_READY]
