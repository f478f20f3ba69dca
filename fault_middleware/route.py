# SPDX-License-Identifier: Apache-2.0
"""A route: a request that shows instances, and how a fault looks in its body."""

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from fault_middleware import body, fault
from fault_middleware.body import Edit, Span
from fault_middleware.fault import Fault
from fault_middleware.field import Field

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_FIELDS = ("id", "project_id", "user_id")
_SHAPE = {"key": "fault", "existing": "newest", "existing_details": "policy"}
_SAMPLE = datetime(2026, 11, 21, 20, 36, 5)
# Services write the same failure into their own tables, a moment later.
_SAME_FAILURE_SECONDS = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How a service shows a fault.

    :ivar key: the member of the instance that holds it
    :ivar created: the format of its time, as for strftime
    :ivar existing: which fault stays where the service wrote one itself: ``newest``, ``keep`` (the
        service's) or ``replace`` (by ours)
    """

    key: str
    created: str
    existing: str
    existing_details: str

    def view(self, row: Fault, details: bool) -> dict[str, Any]:
        """A fault as the service's clients read it."""
        view = {"created": row.created.strftime(self.created), "message": row.message}
        if details:
            view["details"] = row.details
        return view

    def wins(self, row: Fault, existing: Any) -> bool:
        """Whether our row stays rather than what the service wrote."""
        if existing is None or self.existing == "replace":
            return True
        theirs = fault.parse_time(existing.get("created")) if isinstance(existing, dict) else None
        if theirs is None or self.existing == "keep":
            return False
        ours = row.created.replace(microsecond=0)
        lead = (theirs.replace(microsecond=0) - ours).total_seconds()
        return lead <= (0 if row.deleted else _SAME_FAILURE_SECONDS)


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """An instance in a body: its id in the form of the table, and its place."""

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
    """

    path: str
    pattern: str
    many: bool
    keys: tuple[str, ...]
    id: Field
    owners: Mapping[str, Field]
    shape: Shape

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
            instance_id = self.id.text(span.value)
            if isinstance(span.value, dict) and instance_id:
                with contextlib.suppress(ValueError):
                    yield Instance(fault.canonical_id(instance_id), span)

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
        shape, value = self.shape, instance.span.value
        existing = value.get(shape.key)
        if row is not None and shape.wins(row, existing):
            if not row.deleted and show:
                view = shape.view(row, details)
                return body.set_member(text, instance.span, shape.key, view)
            if row.deleted and existing is not None:
                return body.remove_member(text, instance.span, shape.key)
        if not isinstance(existing, dict):
            return None
        kept = {
            key: fault.clean(part) if isinstance(part, str) else part
            for key, part in existing.items()
            if key != "details" or details or shape.existing_details == "keep"
        }
        if kept == existing:
            return None
        return body.set_member(text, instance.span, shape.key, kept)


def build(data: Mapping[str, Any], shape: Mapping[str, str]) -> Route:
    """Build one of the ``routes`` of a profile.

    :param data: as the profile's schema describes it
    :param shape: the section ``fault`` of the profile
    :raises ValueError: for what a schema cannot see
    """
    shape = {**_SHAPE, **shape, **data.get("fault", {})}
    keys = data.get("object", data.get("list"))
    if ("object" in data) == ("list" in data):
        raise ValueError("needs either 'object' or 'list'")
    if data["path"].count("{id}") != ("object" in data):
        raise ValueError("needs {id} in its path once for an 'object', never for a 'list'")
    if fault.parse_time(_SAMPLE.strftime(shape.get("created", ""))) != _SAMPLE:
        raise ValueError("needs in 'fault' a format 'created' of ISO 8601 to the second")
    parts = _PLACEHOLDER.split(data["path"])
    # Routers of services fold slashes.
    literals = [re.escape(part).replace("/", "/+") for part in parts[::2]]
    groups = [r"([^/\s]+)" if name == "id" else "[^/]+" for name in parts[1::2]]
    pattern = "".join(itertools.chain(*itertools.zip_longest(literals, groups, fillvalue="")))
    fields = {name: Field.parse(data[name]) for name in _FIELDS if name in data}
    return Route(
        path=data["path"],
        pattern=pattern if "object" in data else f"{pattern}()",
        many="list" in data,
        keys=tuple(keys.split(".")) if keys else (),
        id=fields.pop("id", Field((("id",),))),
        owners=fields,
        shape=Shape(**shape),
    )
