# SPDX-License-Identifier: Apache-2.0
"""How the fault of a failure ends: what is done about it, and what is read then."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from fault_middleware.store import Store
from tests.fixtures import wait_until
from tests.functional.cloud import Cloud, Resource, faults_of
from tests.functional.deployment import MEMBER

#: What ends a fault: what had failed goes well, or the resource is deleted.
SUCCESS = "success"
DELETION = "deletion"
#: It was tried again and went well, and the service does not tell: the deletion alone ends it.
ALONE = "alone"
#: The resource is deleted, and its service tells nobody: the table still says that it failed.
UNTOLD = "untold"
#: An administrator clears it by hand.
COMMAND = "command"
# After which a notification of what went well would have been read.
_SECONDS = 2

#: Does something about a resource of a service's :class:`Cloud`, and sees that it goes well.
Act = Callable[[Any, Resource], object]


@dataclasses.dataclass(frozen=True)
class Ending:
    """What ends the fault of a failure.

    :ivar by: what kind of end that is
    :ivar says: the same in words, for the manual
    :ivar act: does it
    :ivar vain: what is done before it, and goes well, and leaves the fault as it was
    :ivar vain_says: the same in words
    """

    by: str
    says: str
    act: Act
    vain: Act | None = None
    vain_says: str = ""


def delete(cloud: Cloud, resource: Resource) -> None:
    cloud.delete(resource)


def success(says: str, act: Act) -> Ending:
    """What had failed goes well."""
    return Ending(SUCCESS, f"{says} that goes well", act)


def deletion(act: Act = delete) -> Ending:
    return Ending(DELETION, "its deletion", act)


def untold_deletion(act: Act = delete) -> Ending:
    """The service shows the resource no more, and tells nobody why."""
    return Ending(UNTOLD, "its deletion, of which nothing tells", act)


def command(act: Act, vain: Act, vain_says: str) -> Ending:
    """No request ends it, but an administrator does."""
    return Ending(COMMAND, "fault clear", act, vain, vain_says)


def deletion_alone(vain_says: str, vain: Act, act: Act = delete) -> Ending:
    """The service tells of deletions, and not that what had failed goes well now."""
    not_by = f"not by {vain_says} that goes well"
    return Ending(ALONE, "its deletion", act, vain, not_by)


def assert_ends(
    cloud: Cloud,
    store: Store,
    resource: Resource,
    ending: Ending | None,
    token: str = MEMBER,
) -> None:
    """The fault that a resource shows is there until it ends as it is said to.

    :param ending: nothing, where none was tried
    :param token: of who reads the fault
    """
    if ending is None:
        return
    wait_until(lambda: "fault" in cloud.show(resource, token))
    if ending.vain is not None:
        before = cloud.show(resource, token)["fault"]["message"]
        ending.vain(cloud, resource)
        time.sleep(_SECONDS)
        assert cloud.show(resource, token)["fault"]["message"] == before
    ending.act(cloud, resource)
    if ending.by in (SUCCESS, COMMAND):
        wait_until(lambda: "fault" not in cloud.show(resource, token))
        assert not cloud.is_gone(resource)
        return
    wait_until(lambda: cloud.is_gone(resource))
    assert "fault" not in cloud.show(resource, token)
    if ending.by == UNTOLD:
        time.sleep(_SECONDS)
        assert resource.id in faults_of(store)
    else:
        wait_until(lambda: resource.id not in faults_of(store))
