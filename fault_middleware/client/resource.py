# SPDX-License-Identifier: Apache-2.0
"""The resources of services, as the section ``client`` of a profile describes them."""

import dataclasses
import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fault_middleware import package_data


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A service, and where its API is.

    :ivar name: the profile's
    :ivar types: what it is called in catalogs; the first that is there counts
    :ivar prefix: what its paths begin with, behind the catalog's address without its version
    :ivar headers: of every request, e.g. for a microversion
    :ivar all_headers: with which administrators list what belongs to all projects, besides
    :ivar all_query: the same, parameters
    """

    name: str
    types: tuple[str, ...]
    prefix: str
    headers: Mapping[str, str]
    all_headers: Mapping[str, str]
    all_query: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A fault as an API shows it.

    :ivar created: when it happened, as the API writes it; empty where it does not say
    :ivar details: empty for callers who may not see them
    """

    created: str
    message: str
    details: str


@dataclasses.dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing that a service shows.

    :ivar word: what people call it
    :ivar path: of the show, with placeholders
    :ivar object_path: the dotted path of the thing in the show's body; empty for the body
    :ivar list_path: of the list
    :ivar list_all_path: of the list of what belongs to all projects
    :ivar members_path: the dotted path of the list in its body; empty for the body
    :ivar marker: the member of the last thing of a page with which the next page is asked for;
        empty where a page has the address of the next
    :ivar query: what the list must be asked so that it shows faults
    :ivar lists_faults: whether the list shows faults; else what has failed is shown one by one
    :ivar id_path: where a thing has its id
    :ivar label: the member with its name
    :ivar status: the member with its status; empty where it has none
    :ivar failed: patterns of the statuses of what has failed
    :ivar project_paths: where a thing may name its project
    :ivar key: the member with the fault
    :ivar created_paths: where a thing says when it failed, if its fault does not
    """

    service: Service
    word: str
    path: str
    object_path: str
    list_path: str
    list_all_path: str
    members_path: str
    marker: str
    query: Mapping[str, str]
    lists_faults: bool
    id_path: str
    label: str
    status: str
    failed: tuple[str, ...]
    project_paths: tuple[str, ...]
    key: str
    created_paths: tuple[str, ...]

    def has_failed(self, thing: Mapping[str, Any]) -> bool:
        """Whether the status of a thing says that it has failed."""
        status = self.status_of(thing)
        return any(fnmatch.fnmatchcase(status, glob) for glob in self.failed)

    def id_of(self, thing: Mapping[str, Any]) -> str:
        """The id of a thing."""
        return text_at(thing, self.id_path)

    def name_of(self, thing: Mapping[str, Any]) -> str:
        """The name of a thing; empty where it has none."""
        return text_at(thing, self.label)

    def status_of(self, thing: Mapping[str, Any]) -> str:
        """The status of a thing; empty where it has none."""
        return text_at(thing, self.status)

    def project_of(self, thing: Mapping[str, Any]) -> str:
        """The project of a thing; empty where it does not name one."""
        return _first_text(thing, self.project_paths)

    def fault_of(self, thing: Mapping[str, Any]) -> Fault | None:
        """The fault of a thing, if it has one."""
        value = thing.get(self.key)
        if isinstance(value, str):
            value = _from_text(value)
        if not isinstance(value, Mapping) or not value:
            return None
        # An RFC 9457 problem has a detail, or nothing but a title.
        message = value.get("message") or value.get("detail")
        details = value.get("details") or value.get("traceback")
        created = value.get("created") or _first_text(
            thing, self.created_paths
        )
        return Fault(
            created=str(created),
            message=str(message or value.get("title") or ""),
            details=str(details or ""),
        )


def at(value: Any, path: str) -> Any:
    """What is at a dotted path; None where there is nothing, the value itself for no path."""
    if not path:
        return value
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text_at(value: Any, path: str) -> str:
    """The text at a dotted path; empty where there is none."""
    found = at(value, path) if path else None
    return "" if found is None else str(found)


def _first_text(value: Any, paths: Iterable[str]) -> str:
    """The first text at one of several dotted paths; empty where there is none."""
    for path in paths:
        found = text_at(value, path)
        if found:
            return found
    return ""


def resources() -> list[Resource]:
    """The resources of all profiles that are shipped."""
    found = []
    for file in sorted((package_data.FOLDER / "profiles").iterdir(), key=str):
        if file.name.endswith(".yaml"):
            found += read(package_data.load(f"profiles/{file.name}"))
    return found


def read(profile: Mapping[str, Any]) -> list[Resource]:
    """The resources of a profile; none where it has no section ``client``."""
    client = profile.get("client")
    if client is None:
        return []
    everywhere = client.get("all_projects", {})
    service = Service(
        profile["service"],
        _texts(client["types"]),
        client.get("prefix", ""),
        client.get("headers", {}),
        everywhere.get("headers", {}),
        everywhere.get("query", {}),
    )
    return [
        _read_resource(profile, service, data) for data in client["resources"]
    ]


def _read_resource(
    profile: Mapping[str, Any], service: Service, data: Mapping[str, Any]
) -> Resource:
    show = _route(profile, data["path"])
    many = _route(profile, data["list"])
    members_path = data.get("members")
    if members_path is None:
        members_path = many["list"]
    fault = {**profile.get("fault", {}), **show.get("fault", {})}
    return Resource(
        service=service,
        word=data["word"],
        path=data["path"],
        object_path=show.get("object", ""),
        list_path=data["list"],
        list_all_path=data.get("list_all", data["list"]),
        members_path=members_path,
        marker=data.get("marker", ""),
        query=_first_values(many.get("query", {})),
        lists_faults="list" in many,
        id_path=show.get("id", "id"),
        label=data.get("label", "name"),
        status=data.get("status", "status"),
        failed=_texts(data.get("failed", [])),
        project_paths=_texts(show.get("project_id", [])),
        key=fault.get("key", "fault"),
        created_paths=_texts(fault.get("existing_created", [])),
    )


def _route(profile: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The route of a path; empty where the profile has none."""
    for route in profile.get("routes", []):
        if route["path"] == path:
            found: Mapping[str, Any] = route
            return found
    return {}


def _first_values(query: Mapping[str, Any]) -> dict[str, str]:
    """One of the parameters by which a request asks for faults."""
    for name, values in query.items():
        return {name: _texts(values)[0]}
    return {}


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(value)


def _from_text(text: str) -> Any:
    """The object in a text, which may be a message as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, Mapping):
        return value
    return {"message": text}
