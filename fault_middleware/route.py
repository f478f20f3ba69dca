# SPDX-License-Identifier: Apache-2.0
"""A route: a request that shows instances, and where they are in its body."""

import dataclasses
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from fault_middleware import body, clock, fault, presentation, vocabulary
from fault_middleware.body import Span
from fault_middleware.fault import Fault
from fault_middleware.field import Field, texts
from fault_middleware.presentation import Form

# Suffixes that services' routers ignore. They are matched too, or adding one would bypass the
# policy. Possessive, so that a path which is not ours is soon left.
_TAIL = r"(?:\.json)?[/\s\0]*+"
# Services show times without their fractions.
_TRUNCATION = timedelta(seconds=1)

#: Members of an instance, and what the text of each must match.
Members = Mapping[str, re.Pattern[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """An instance in a body.

    :ivar id: its id in the form of the table; empty where it has none
    :ivar span: its members, and its place
    """

    id: str
    span: Span

    @property
    def members(self) -> Mapping[str, Any]:
        """The instance itself."""
        members: Mapping[str, Any] = self.span.value
        return members


@dataclasses.dataclass(frozen=True, slots=True)
class ParentLookup:
    """What to look up for an instance without a row of its own: its parent's fault.

    :ivar since: the fault happened then or later
    :ivar until: and not later than that
    """

    instance_id: str
    since: datetime
    until: datetime


@dataclasses.dataclass(frozen=True, slots=True)
class ParentFields:
    """Where an instance names its parent, the one it belongs to; ``within`` in a profile.

    :ivar since: where it says when it began; ``until``: when it ended
    :ivar open_when: while the instance has these values, its time has no end
    """

    instance_id: Field
    since: Field
    until: Field
    open_when: Members

    def time_of(
        self, instance: Instance
    ) -> tuple[datetime | None, datetime | None]:
        """When an instance began and ended, as far as it says so."""
        since = self.since.find(instance.members)
        begin = clock.parse_time(since)
        if self.open_when and _has(instance, self.open_when):
            return begin, datetime.max - _TRUNCATION
        until = self.until.find(instance.members)
        end = clock.parse_time(until)
        return begin, end


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A request of a service that shows one instance, or a list of them.

    ``profile-schema.yaml`` says what its parts mean.

    :ivar path: as it is written in the profile, for messages
    :ivar pattern: a regular expression with one group: the id in the path, or nothing for a list
    :ivar many: whether it shows a list
    :ivar keys: the keys that lead to the instance, or to the list, in the body
    :ivar names: paths of names that may replace the id in the URL
    :ivar owners: where its project_id and user_id are
    :ivar changes_project: whether the service lets an instance be handed to another project
    :ivar form: how a fault looks
    :ivar query: parameters with values, one of which asks for faults
    :ivar when: only an instance with these values may have a fault
    """

    path: str
    pattern: str
    many: bool
    keys: tuple[str, ...]
    id: Field
    names: Sequence[Field]
    owners: Mapping[str, Field]
    changes_project: bool
    form: Form
    query: Mapping[str, Sequence[str]]
    when: Members
    parent_fields: ParentFields | None

    def wants_faults(self, query: str) -> bool:
        """Whether a request with this query string asks for faults."""
        if not self.query:
            return True
        for name, value in urllib.parse.parse_qsl(query):
            wanted = self.query.get(name, ())
            for given in value.split(","):
                if given in wanted:
                    return True
        return False

    def may_have_fault(self, instance: Instance) -> bool:
        """Whether an instance may have a fault at all."""
        return _has(instance, self.when)

    def parent_lookup(self, instance: Instance) -> ParentLookup | None:
        """What to look up at the instance's parent; None if it has none, or no known time."""
        if self.parent_fields is None:
            return None
        since, until = self.parent_fields.time_of(instance)
        if since is None or until is None:
            return None
        named = self.parent_fields.instance_id.text(instance.members)
        try:
            parent_id = fault.canonical_id(named)
            end = until + _TRUNCATION
        except (ValueError, OverflowError):
            return None
        return ParentLookup(parent_id, since, end)

    def instances(self, text: str) -> Iterator[Instance]:
        """The instances that a body shows; raises ValueError for a body that is not JSON."""
        found = body.locate(text, self.keys, each=self.many)
        if found is None:
            return
        spans: Any = [found]
        if self.many:
            spans = found.value
        if not isinstance(spans, list):
            return
        for span in spans:
            if isinstance(span.value, dict):
                yield Instance(self._id_of(span.value), span)

    def instance_id(self, name: str, instances: Iterable[Instance]) -> str:
        """The id of the instance that a path names.

        :param instances: those that the body shows; only looked at for what is not an id
        :raises ValueError: where the path names none of them, or nothing that can be an id
        """
        if not self.names or fault.UUID.fullmatch(name):
            return fault.canonical_id(name)
        for instance in instances:
            if instance.id and self._is_named(instance, name):
                return instance.id
        raise ValueError(f"not the name of the instance: {name!r:.80}")

    def policy_target(
        self, instance: Instance, row: Fault | None
    ) -> dict[str, str]:
        """Whose instance it is, for the policy; what is not known is left out.

        The body knows best; else the project of the request that failed.
        """
        target = {}
        if row is not None and row.project_id:
            target["project_id"] = row.project_id
        for name, field in self.owners.items():
            value = field.text(instance.members)
            if value is not None:
                target[name] = value
        return target

    def is_former(self, instance: Instance, row: Fault) -> bool:
        """Whether a fault is of a time when the instance was another project's."""
        if not self.changes_project or not row.project_id:
            return False
        owner = self.owners["project_id"].text(instance.members)
        return owner is not None and owner != row.project_id

    def _id_of(self, members: Mapping[str, Any]) -> str:
        found = self.id.find(members)
        try:
            return fault.canonical_id(found)
        except ValueError:
            return ""

    def _is_named(self, instance: Instance, name: str) -> bool:
        if instance.id == name:
            return True
        for field in self.names:
            if field.find(instance.members) == name:
                return True
        return False


@dataclasses.dataclass(frozen=True, slots=True)
class ShowRequest:
    """A request that matches a route.

    :ivar service: the name of the service that the route is of
    :ivar path: as WSGI has it
    :ivar name: what the path names the instance by, as WSGI has it; empty for a list
    :ivar query: the query string
    """

    service: str
    route: Route
    path: str
    name: str
    query: str

    @property
    def wants_faults(self) -> bool:
        """Whether faults are to be added."""
        return self.route.wants_faults(self.query)

    def instance_id(self, instances: Iterable[Instance]) -> str:
        """The id of the instance that is asked for; see :meth:`Route.instance_id`."""
        # WSGI gives the bytes of a path as Latin-1 (PEP 3333).
        name = self.name.encode("latin-1").decode()
        return self.route.instance_id(name, instances)

    def policy_target(
        self, instance: Instance, row: Fault | None
    ) -> dict[str, str]:
        """What the policy is told of an instance of this request."""
        target = self.route.policy_target(instance, row)
        target["instance_id"] = instance.id
        target["service"] = self.service
        return target


def build(data: Mapping[str, Any], fault_section: Mapping[str, Any]) -> Route:
    """Build one of a profile's ``routes``.

    :param fault_section: the profile's section ``fault``
    :raises ValueError: for mistakes that the schema cannot express
    """
    many = "list" in data
    shows_object = "object" in data
    if many == shows_object:
        raise ValueError("needs either 'object' or 'list'")
    path = data["path"]
    ids_wanted = 1
    place = "object"
    if many:
        ids_wanted = 0
        place = "list"
    if path.count("{id}") != ids_wanted:
        raise ValueError(
            "needs {id} in its path once for an 'object', never for a 'list'"
        )
    section = dict(fault_section)
    section.update(data.get("fault", {}))
    return Route(
        path=path,
        pattern=_pattern(path, many),
        many=many,
        keys=_keys(data[place]),
        id=Field.parse(data.get("id", "id")),
        names=_names(data),
        owners=_owners(data),
        changes_project=data.get("changes_project", False),
        form=presentation.build(section),
        query=_query(data),
        when=_members(data, "when"),
        parent_fields=_parent_fields(data),
    )


def _keys(place: str) -> tuple[str, ...]:
    """The keys of a dotted path; none for the body itself, which is the path ""."""
    if not place:
        return ()
    return tuple(place.split("."))


def _names(data: Mapping[str, Any]) -> list[Field]:
    names = data.get("names", [])
    return [Field.parse(name) for name in texts(names)]


def _owners(data: Mapping[str, Any]) -> dict[str, Field]:
    owners = {}
    for name in ("project_id", "user_id"):
        if name in data:
            owners[name] = Field.parse(data[name])
    return owners


def _parent_fields(data: Mapping[str, Any]) -> ParentFields | None:
    if "within" not in data:
        return None
    within = data["within"]
    return ParentFields(
        instance_id=Field.parse(within["instance_id"]),
        since=Field.parse(within["since"]),
        until=Field.parse(within["until"]),
        open_when=_members(within, "last"),
    )


def _pattern(path: str, many: bool) -> str:
    """The regular expression of a route's path; routers of services fold slashes."""
    pattern = re.escape(path)
    pattern = pattern.replace("/", "/+")
    pattern = pattern.replace(r"\{id\}", "([^/]++)")
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]++", pattern)
    pattern += _TAIL
    if many:
        pattern += "()"
    return pattern


def _has(instance: Instance, members: Members) -> bool:
    """Whether all of these members are texts that match."""
    for name, wanted in members.items():
        value = instance.members.get(name)
        if not isinstance(value, str) or not wanted.fullmatch(value):
            return False
    return True


def _query(data: Mapping[str, Any]) -> dict[str, list[str]]:
    parameters = {}
    for name, values in data.get("query", {}).items():
        parameters[name] = texts(values)
    return parameters


def _members(data: Mapping[str, Any], section: str) -> Members:
    members = {}
    for name, values in data.get(section, {}).items():
        members[name] = vocabulary.globs(values)
    return members
