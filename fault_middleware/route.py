# SPDX-License-Identifier: Apache-2.0
"""A route: a request that shows instances, and how a fault looks in its body."""

import contextlib
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fault_middleware import body, clock, fault, presentation
from fault_middleware.body import Edit, Span
from fault_middleware.fault import Fault
from fault_middleware.field import Field, texts
from fault_middleware.presentation import Presentation

# What routers of services overlook at the end of a path; details must not pass by writing it so.
# Possessive, so that what is not ours is soon left.
_TAIL = r"(?:\.json)?[/\s\0]*+"
_FIELDS = ("id", "project_id", "user_id")
# Services show times without their fractions.
_TRUNCATION = timedelta(seconds=1)


class Instance(NamedTuple):
    """An instance in a body: its id in the form of the table (or ""), and its place."""

    id: str
    span: Span


class Route(NamedTuple):
    """A request of a service that shows one instance, or a list of them.

    What its parts mean stands in ``profile-schema.yaml``; ``when`` and ``within_last`` are members
    of the instance, with the values of which it needs one.

    :ivar path: as it stands in the profile, for messages
    :ivar pattern: a regular expression with one group: the id in the path, or nothing for a list
    :ivar keys: the keys that lead to the instance, or to the list of ``many``, in the body
    :ivar names: where an instance has other names, one of which may stand in the path
    :ivar owners: where its project_id and user_id are
    """

    path: str
    pattern: str
    many: bool
    keys: tuple[str, ...]
    id: Field
    names: Sequence[Field]
    owners: Mapping[str, Field]
    shape: Presentation
    query: Mapping[str, list[str]]
    when: Mapping[str, list[str]]
    within: Mapping[str, Field]
    within_last: Mapping[str, list[str]]

    def asks(self, query: str) -> bool:
        """Whether a request with this query string asks for faults."""
        given = urllib.parse.parse_qsl(query) if self.query else ()
        return not self.query or any(
            not set(self.query.get(name, ())).isdisjoint(value.split(",")) for name, value in given
        )

    def takes(self, instance: Instance) -> bool:
        """Whether an instance may have a fault at all."""
        return _has(instance, self.when)

    def relative(self, instance: Instance) -> tuple[str, datetime, datetime] | None:
        """The other instance whose fault may be this one's, and from when until when."""
        found = {name: field.text(instance.span.value) for name, field in self.within.items()}
        since, until = clock.parse_time(found.get("since")), clock.parse_time(found.get("until"))
        if self.within_last and _has(instance, self.within_last):
            until = datetime.max - _TRUNCATION
        if since is not None and until is not None:
            with contextlib.suppress(ValueError, OverflowError):
                other = fault.canonical_id(found.get("instance_id"))
                return other, since, until + _TRUNCATION
        return None

    def instances(self, text: str) -> Iterator[Instance]:
        """The instances that a body shows; raises ValueError for a body that is no JSON."""
        found = body.locate(text, self.keys, each=self.many)
        spans = [] if found is None else [found]
        if self.many:
            spans = [one for span in spans if isinstance(span.value, list) for one in span.value]
        for span in spans:
            if isinstance(span.value, dict):
                instance_id = ""
                with contextlib.suppress(ValueError):
                    instance_id = fault.canonical_id(self.id.find(span.value))
                yield Instance(instance_id, span)

    def wanted(self, name: str, text: Callable[[], str]) -> str:
        """The id of the instance that a path names, in the body ``text()``; or ValueError."""
        if not self.names or fault.UUID.fullmatch(name):
            return fault.canonical_id(name)
        for one in self.instances(text()):
            names = (one.id, *(field.find(one.span.value) for field in self.names))
            if one.id and name in names:
                return one.id
        raise ValueError(f"not the name of the instance: {name!r:.80}")

    def target(self, instance: Instance, row: Fault | None) -> dict[str, str]:
        """Whose instance it is, for the policy; what is not known is left out.

        The body knows best; else the project of the request that failed.
        """
        target = {"project_id": row.project_id} if row and row.project_id else {}
        found = {name: field.text(instance.span.value) for name, field in self.owners.items()}
        return target | {name: value for name, value in found.items() if value is not None}

    def edit(
        self, text: str, instance: Instance, row: Fault | None, show: bool, details: bool
    ) -> Edit | None:
        """What to change in the body for one instance, or None."""
        value, key = instance.span.value, self.shape.key
        wanted = self.shape.show(value, row, show, details)
        if wanted == value.get(key):
            return None
        if wanted is None:
            return body.remove_member(text, instance.span, key)
        return body.set_member(text, instance.span, key, wanted)


def build(data: Mapping[str, Any], fault_shape: Mapping[str, Any]) -> Route:
    """Build one of a profile's ``routes``; ``fault_shape`` is the profile's section ``fault``.

    :raises ValueError: for what the profile's schema cannot see
    """
    keys = data.get("object", data.get("list"))
    if ("object" in data) == ("list" in data):
        raise ValueError("needs either 'object' or 'list'")
    if data["path"].count("{id}") != ("object" in data):
        raise ValueError("needs {id} in its path once for an 'object', never for a 'list'")
    # Routers of services fold slashes.
    path = re.escape(data["path"]).replace("/", "/+").replace(r"\{id\}", "([^/]++)")
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]++", path) + _TAIL
    within = dict(data.get("within", {}))
    last = _texts(within.pop("last", {}))
    fields = {name: Field.parse(data[name]) for name in _FIELDS if name in data}
    return Route(
        path=data["path"],
        pattern=pattern if "object" in data else f"{pattern}()",
        many="list" in data,
        keys=tuple(keys.split(".")) if keys else (),
        id=fields.pop("id", Field((("id",),))),
        names=[Field.parse(name) for name in texts(data.get("names", []))],
        owners=fields,
        shape=presentation.build({**fault_shape, **data.get("fault", {})}),
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
