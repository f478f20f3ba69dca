# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of stacks; what they consist of fails no more by then."""

from tests.functional.endings import deletion, deletion_alone, success
from tests.functional.heat.failures import Stacks, part, template


def _update(cloud: Stacks, stack):
    cloud.update(stack, template(part=part("nothing")))
    assert cloud.status(stack) == "UPDATE_COMPLETE"


def _again(action: str):
    def act(cloud, stack):
        cloud.mend(stack)
        cloud.do(stack, action)
        assert cloud.status(stack) == f"{action.upper()}_COMPLETE"

    return act


def _snapshot(cloud: Stacks, stack):
    cloud.mend(stack)
    cloud.snapshot(stack)
    assert cloud.status(stack) == "SNAPSHOT_COMPLETE"


def _signal(cloud: Stacks, stack):
    cloud.mend(stack)
    cloud.signal(stack)


def _delete(cloud: Stacks, stack):
    cloud.mend(stack)
    cloud.delete(stack)


_CREATED = deletion_alone("an update", _update)
_UPDATED = success("an update", _update)
# Nothing is done about a stack that timed out, since what it waited for keeps Heat busy for
# minutes, or about one whose end a database does not write down.
ENDINGS = {
    "create": _CREATED,
    "create, unexpected": _CREATED,
    "create, rolled back": deletion(),
    "create a group": _CREATED,
    "create without Keystone": deletion(),
    "wait condition": _CREATED,
    "update": _UPDATED,
    "update, rolled back": _UPDATED,
    "delete": deletion(_delete),
    "check": success("a check", _again("check")),
    "suspend": success("a suspension", _again("suspend")),
    "resume": success("a resumption", _again("resume")),
    "snapshot": success("a snapshot", _snapshot),
    "signal": deletion_alone("a signal", _signal),
}
