# SPDX-License-Identifier: Apache-2.0
"""Why the filter adds no fault to an answer that is tried; for the author of a profile."""

import json
from typing import Any

from fault_middleware.instances import ShownInstances
from fault_middleware.route import Instance, Route, ShowRequest


def reason(
    show: ShowRequest, before: Any, after: Any, has_fault: bool
) -> str | None:
    """The first reason why an answer stays as it is; None if something was added.

    :param before: what the service answers
    :param after: the same behind the filter
    :param has_fault: whether there is a fault to add
    """
    if before != after:
        return None
    if not has_fault:
        return "Nothing was added: no --fault was given."
    return f"Nothing was added: {_obstacle(show, before)}."


def _obstacle(show: ShowRequest, answer: Any) -> str:
    route = show.route
    if not show.wants_faults:
        wanted = {name: list(values) for name, values in route.query.items()}
        return f"the query asks for no faults, which takes one of {wanted}"
    instances = list(ShownInstances(route, json.dumps(answer).encode()))
    if not instances:
        place = ".".join(route.keys) or "its top"
        return f"the body has no instance at {place}"
    instance = instances[0]
    if not instance.id:
        return f"the body has no id at {_paths(route)}"
    if not route.many and show.instance_id(instances) != instance.id:
        return f"the path and the body ({_paths(route)}) have different ids"
    return _of_instance(route, instance)


def _of_instance(route: Route, instance: Instance) -> str:
    """Why an instance has no fault, or not ours."""
    for name, wanted in route.when.items():
        value = instance.members.get(name)
        if not isinstance(value, str) or not wanted.fullmatch(value):
            return f"'when' wants another {name} than {value!r:.80}"
    key = route.form.key
    if instance.members.get(key) is not None:
        return (
            f"the service has a {key} of its own, which 'existing' lets stay"
        )
    return "the policy does not let this role see it"


def _paths(route: Route) -> str:
    return " or ".join(".".join(path) for path in route.id.paths)
