# SPDX-License-Identifier: Apache-2.0
"""What people read of a real service with the program that they use."""

import json

from fault_middleware.client.resource import resources
from tests.catalog import Identity, openstack, served
from tests.functional.deployment import MEMBER, Deployment


def assert_listed(
    deployment: Deployment,
    word: str,
    instance_id: str,
    says: str,
    token: str = MEMBER,
) -> None:
    """``openstack fault list`` and ``fault show`` have a fault that the service shows.

    :param word: what the program calls such a resource
    :param token: of whoever asks, as :mod:`tests.keystone` reads it
    """
    (resource,) = [kind for kind in resources() if kind.word == word]
    role, project, user = token.split(":")
    if role == "admin":
        user = "admin"
    prefix = deployment.prefix.format(project=project)
    address = f"http://127.0.0.1:{deployment.port}{prefix}"
    with served(Identity({resource.service.types[0]: address})) as identity:
        ended = openstack(
            identity,
            *("fault", "list", "--resource", word, "-f", "json"),
            user=user,
            project=project,
        )
        # Other plugins may have something to say there.
        assert f"{word}: " not in ended.stderr
        assert ended.returncode == 0, ended.stderr
        messages = {
            row["ID"]: row["Message"] for row in json.loads(ended.stdout)
        }
        assert messages[instance_id].startswith(says)

        ended = openstack(
            identity,
            *("fault", "show", word, instance_id, "-f", "json"),
            user=user,
            project=project,
        )
        assert json.loads(ended.stdout)["Message"] == messages[instance_id]
