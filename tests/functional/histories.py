# SPDX-License-Identifier: Apache-2.0
"""What a real service answers, with our filter, to who asks for the history of a resource."""

import jsonschema

from fault_middleware import package_data
from tests.functional.cloud import Cloud, Resource
from tests.functional.deployment import ADMIN, MEMBER, NEIGHBOUR


def history(
    cloud: Cloud, resource: Resource, token: str = MEMBER, query: str = ""
) -> dict:
    """The history of a resource, which is as the schema says."""
    path = f"{resource.path}/faults{query}"
    status, told = cloud.deployment.request("GET", path, token)
    assert status == 200, told
    check(told)
    return told


def check(told: dict) -> None:
    """Compare an answer with the schema that is shipped."""
    jsonschema.validate(told, package_data.load("history-schema.yaml"))


def assert_told(cloud: Cloud, resource: Resource, says: str) -> None:
    """The owner is told the history, an administrator with details, a stranger nothing.

    :param says: what has failed; others may have reported the same failure in their words
    """
    ours, theirs = [
        history(cloud, resource, token)["faults"] for token in (MEMBER, ADMIN)
    ]
    assert says in [entry["message"] for entry in ours]
    assert says in [entry["message"] for entry in theirs]
    assert not any("details" in entry for entry in ours)
    assert any(entry["details"] for entry in theirs)

    ask = cloud.deployment.request
    shown = ask("GET", resource.path, NEIGHBOUR)
    assert shown[0] in (403, 404)
    assert ask("GET", f"{resource.path}/faults", NEIGHBOUR) == shown
    # Of what is not there: the same.
    gone = f"{resource.path[:-12]}{'0' * 12}"
    assert ask("GET", f"{gone}/faults")[0] == ask("GET", gone)[0] == 404
