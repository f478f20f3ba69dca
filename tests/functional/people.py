# SPDX-License-Identifier: Apache-2.0
"""What people read of a real service with the program that they use."""

import json

from tests.catalog import openstack
from tests.functional.deployment import MEMBER, Deployment


def assert_listed(
    deployment: Deployment,
    word: str,
    instance_id: str,
    says: str,
    person: str = MEMBER,
) -> None:
    """``openstack fault list`` and ``fault show`` have a fault that the service shows.

    :param word: what the program calls such a resource
    :param person: who asks
    """
    _, project, user = person.split(":")
    who = {"user": user, "project": project}
    as_json = ("-f", "json")
    identity = deployment.keystone.url
    listing = ("fault", "list", "--resource", word)
    ended = openstack(identity, *listing, *as_json, **who)
    # Other plugins may have something to say there.
    assert f"{word}: " not in ended.stderr
    assert ended.returncode == 0, ended.stderr
    messages = {row["ID"]: row["Message"] for row in json.loads(ended.stdout)}
    assert messages[instance_id].startswith(says)

    show = ("fault", "show", word, instance_id)
    ended = openstack(identity, *show, *as_json, **who)
    assert json.loads(ended.stdout)["Message"] == messages[instance_id]
