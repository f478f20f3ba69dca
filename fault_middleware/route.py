# SPDX-License-Identifier: Apache-2.0
"""A route: a request that shows instances, and how a fault looks in its body."""

import contextlib
import dataclasses
import itertools
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from fault_middleware import body, fault, shape
from fault_middleware.body import Edit, Span
from fault_middleware.fault import Fault
from fault_middleware.field import Field, texts
from fault_middleware.shape import Shape

# What routers of services overlook at the end of a path; details must not pass by writing it so.
_TAIL = r"(?:\.json)?[/\s\0]*"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_FIELDS = ("id", "project_id", "user_id")
# Services show times without their fractions.
_TRUNCATION = timedelta(seconds=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """An instance in a body: its id in the form of the table (or ""), and its place."""

    id: str
    span: Span


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A request of a service that shows one instance, or a list of them.

    :ivar path: as it stands in the profile, for messages
    :ivar pattern: a regular expression with one group: the id in the path, or nothing for a list
    :ivar many: whether the body holds a list
    :ivar keys: the keys that lead to the instance, or to the list, in the body
    :ivar id: where the id is in the instance
    :ivar owners: where its project_id and user_id are
    :ivar query: parameters of the request, one value of which is needed; none for none
    :ivar when: members of an instance, each of which needs one of these values
    :ivar within: where an instance names another (``instance_id``) whose fault is its own if it
        happened between two times (``since``, ``until``); empty where there is none
    :ivar within_last: members of an instance, each of which has one of these values as long as it
        is the last that the other instance has, so that there is no end to its time
    """

    path: str
    pattern: str
    many: bool
    keys: tuple[str, ...]
    id: Field
    owners: Mapping[str, Field]
    shape: Shape
    query: Mapping[str, list[str]]
    when: Mapping[str, list[str]]
    within: Mapping[str, Field]
    within_last: Mapping[str, list[str]]

    def asks(self, query: str) -> bool:
        """Whether a request with this query string asks for faults."""
        given = urllib.parse.parse_qsl(query, max_num_fields=100) if self.query else ()
        return not self.query or any(
            not set(self.query.get(name, ())).isdisjoint(value.split(",")) for name, value in given
        )

    def takes(self, instance: Instance) -> bool:
        """Whether an instance may have a fault at all."""
        return _has(instance, self.when)

    def relative(self, instance: Instance) -> tuple[str, datetime, datetime] | None:
        """The other instance whose fault may be this one's, and from when until when."""
        found = {name: field.text(instance.span.value) for name, field in self.within.items()}
        since, until = fault.parse_time(found.get("since")), fault.parse_time(found.get("until"))
        if self.within_last and _has(instance, self.within_last):
            until = datetime.max - _TRUNCATION
        other = found.get("instance_id")
        if not other or since is None or until is None:
            return None
        return fault.canonical_id(other), since, until + _TRUNCATION

    def instances(self, text: str) -> Iterator[Instance]:
        """The instances that a body shows.

        :raises ValueError: for a body that is no JSON
        """
        span = body.locate(text, self.keys)
        if span is None:
            return
        if not self.many:
            spans = [span]
        elif isinstance(span.value, list):
            spans = list(body.elements(text, span))
        else:
            return
        for span in spans:
            if isinstance(span.value, dict):
                instance_id = ""
                with contextlib.suppress(ValueError):
                    instance_id = fault.canonical_id(self.id.find(span.value))
                yield Instance(instance_id, span)

    def target(self, instance: Instance, row: Fault | None) -> dict[str, str]:
        """Whose instance it is, for the policy; what is not known is left out.

        The body knows best; else the project of the request that failed.
        """
        target = {"project_id": row.project_id} if row and row.project_id else {}
        for name, field in self.owners.items():
            value = field.text(instance.span.value)
            if value is not None:
                target[name] = value
        return target

    def edit(
        self, text: str, instance: Instance, row: Fault | None, show: bool, details: bool
    ) -> Edit | None:
        """What to change in the body for one instance; None for nothing.

        :param row: the newest row of the instance
        :param show: whether the caller may see our fault
        :param details: whether the caller may see the details of any fault
        """
        value, key = instance.span.value, self.shape.key
        wanted = self.shape.show(value, row, show, details)
        if wanted == value.get(key):
            return None
        if wanted is None:
            return body.remove_member(text, instance.span, key)
        return body.set_member(text, instance.span, key, wanted)


def build(data: Mapping[str, Any], fault_shape: Mapping[str, Any]) -> Route:
    """Build one of the ``routes`` of a profile.

    :param data: as the profile's schema describes it
    :param fault_shape: the section ``fault`` of the profile
    :raises ValueError: for what a schema cannot see
    """
    keys = data.get("object", data.get("list"))
    if ("object" in data) == ("list" in data):
        raise ValueError("needs either 'object' or 'list'")
    if data["path"].count("{id}") != ("object" in data):
        raise ValueError("needs {id} in its path once for an 'object', never for a 'list'")
    parts = _PLACEHOLDER.split(data["path"])
    # Routers of services fold slashes.
    literals = [re.escape(part).replace("/", "/+") for part in parts[::2]]
    groups = ["([^/]+?)" if name == "id" else "[^/]+" for name in parts[1::2]]
    pattern = "".join(itertools.chain(*itertools.zip_longest(literals, groups, fillvalue="")))
    pattern += _TAIL
    within = dict(data.get("within", {}))
    last = _texts(within.pop("last", {}))
    fields = {name: Field.parse(data[name]) for name in _FIELDS if name in data}
    return Route(
        path=data["path"],
        pattern=pattern if "object" in data else f"{pattern}()",
        many="list" in data,
        keys=tuple(keys.split(".")) if keys else (),
        id=fields.pop("id", Field((("id",),))),
        owners=fields,
        shape=shape.build({**fault_shape, **data.get("fault", {})}),
        query=_texts(data.get("query", {})),
        when=_texts(data.get("when", {})),
        within={name: Field.parse(value) for name, value in within.items()},
        within_last=last,
    )


def _has(instance: Instance, members: Mapping[str, list[str]]) -> bool:
    value = instance.span.value
    return all(value.get(name) in values for name, values in members.items())


def _texts(members: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: texts(values) for name, values in members.items()}
