# SPDX-License-Identifier: Apache-2.0
"""A profile: what is known about a service, as data.

It says which requests show an instance (:mod:`fault_middleware.route`), and which notifications
and log records carry a fault (:mod:`fault_middleware.sources`).  Profiles are YAML files: those in
``profiles/``, which are shipped, and a deployer's own.  ``profile-schema.yaml`` has their format.
"""

import dataclasses
import functools
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fault_middleware import package_data, route
from fault_middleware.document import Document
from fault_middleware.field import texts
from fault_middleware.options import GROUP, ConfigurationError
from fault_middleware.route import Route, ShowRequest

if TYPE_CHECKING:
    from fault_middleware.sources import Sources


@dataclasses.dataclass(frozen=True)
class Profile:
    """The description of a service.

    :ivar service: its name, which keeps its faults apart from those of others
    :ivar exchanges: where it publishes its notifications
    :ivar topics: to which it publishes them, whatever its configuration says
    :ivar routes: those without placeholders in a place come before those with one there, so the
        first that matches is the right one
    :ivar priorities: those of all events that say something
    :ivar document: what it was read from
    """

    service: str
    exchanges: tuple[str, ...]
    topics: tuple[str, ...]
    routes: tuple[Route, ...]
    priorities: frozenset[str]
    document: Document = dataclasses.field(repr=False, compare=False)

    @functools.cached_property
    def sources(self) -> "Sources":
        """Which notifications and log records carry a fault; made when something asks."""
        from fault_middleware import sources

        return sources.build(self.document)


class RouteTable:
    """Finds the route of a request; one regular expression for all paths."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._routes = [
            (found.service, way) for found in profiles for way in found.routes
        ]
        alternatives = (
            "|".join(way.pattern for _, way in self._routes) or "(?!)"
        )
        # \Z, because $ would also match before a line feed at the end.
        self._match = re.compile(rf"(?:{alternatives})\Z").match

    def match(self, environ: Mapping[str, Any]) -> ShowRequest | None:
        """The show that a WSGI environment asks for, or None."""
        found = self._match(environ.get("PATH_INFO", ""))
        if found is None or not _asks_for_a_show(environ):
            return None
        # Each pattern has exactly one group, with what routers ignore after an id.
        number = found.lastindex or 0
        name = found[number].rstrip("\0 \t\r\n\v\f").removesuffix(".json")
        service, way = self._routes[number - 1]
        return ShowRequest(
            service, way, found[0], name, environ.get("QUERY_STRING", "")
        )


def _asks_for_a_show(environ: Mapping[str, Any]) -> bool:
    method = environ.get("REQUEST_METHOD")
    if method == "GET":
        return True
    if method == "HEAD":
        return False
    # pecan, in which Ironic, Magnum and others are written, lets a query name another method, and
    # takes ; for & in it.
    query = urllib.parse.parse_qs(
        environ.get("QUERY_STRING", "").replace(";", "&")
    )
    return any(other.lower() == "get" for other in query.get("_method", ()))


def load(name: str) -> Profile:
    """Load a profile.

    :param name: that of a shipped one, or the path of a YAML file
    :raises ConfigurationError: when there is none; when it is wrong, a
    :class:`~fault_middleware.document.DocumentError` with every mistake
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        try:
            return parse(name, Path(name).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(
                f"[{GROUP}] profiles: {name}: {exc}"
            ) from exc
    if name not in shipped():
        text = f"shipped are {', '.join(shipped())}, and a path names a file of your own"
        raise ConfigurationError(
            f"[{GROUP}] profiles: there is no profile {name!r}; {text}"
        )
    file = f"profiles/{name}.yaml"
    return parse(
        f"fault_middleware/{file}", package_data.read(file), is_shipped=True
    )


def shipped() -> list[str]:
    """The names of the profiles that come with the package."""
    names = [
        file.name for file in (package_data.FOLDER / "profiles").iterdir()
    ]
    return sorted(
        name.removesuffix(".yaml") for name in names if name.endswith(".yaml")
    )


def parse(file: str, text: str, *, is_shipped: bool = False) -> Profile:
    """Make a profile of YAML.

    :param file: its name, for messages
    :param is_shipped: whether it was compared with the schema before it was released
    :raises DocumentError: with every mistake in it
    """
    document = Document(file, text)
    if not is_shipped:
        document.validate(package_data.load("profile-schema.yaml"))
        document.close()
    data = document.data
    routes = document.build("routes", _RouteBuilder(data.get("fault", {})))
    routes.sort(key=_placeholders)
    _check_client(document)
    if not (data.get("routes") or data.get("events")):
        document.mistake((), "has neither routes nor events")
    made = Profile(
        service=data.get("service", ""),
        exchanges=tuple(texts(data.get("exchanges", []))),
        topics=tuple(texts(data.get("topics", []))),
        routes=tuple(routes),
        priorities=_priorities(data.get("events", [])),
        document=document,
    )
    if not is_shipped:
        # So that mistakes in them are known; those that are shipped have none.
        _ = made.sources
    document.close()
    return made


def _priorities(events: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The priorities of the events that say something."""
    found = set[str]()
    for event in events:
        if "ignore" not in event:
            found.update(texts(event["priority"]))
    return frozenset(found)


class _RouteBuilder:
    """Builds the routes of one profile, no two of which may take the same request.

    :param fault_section: the profile's section ``fault``
    """

    def __init__(self, fault_section: Mapping[str, Any]) -> None:
        self._fault_section = fault_section
        self._paths: dict[str, str] = {}

    def __call__(self, data: Mapping[str, Any]) -> Route:
        built = route.build(data, self._fault_section)
        if built.pattern in self._paths:
            raise ValueError(
                f"{self._paths[built.pattern]} takes every request for {built.path}"
            )
        self._paths[built.pattern] = built.path
        return built


def _check_client(document: Document) -> None:
    """Note what the section ``client`` names and the profile does not have."""
    objects = set[str]()
    lists = set[str]()
    for route_data in document.data.get("routes", []):
        paths = lists if "list" in route_data else objects
        paths.add(route_data.get("path", ""))
    client = document.data.get("client") or {}
    for number, kind in enumerate(client.get("resources", [])):
        place = ("client", "resources", number)
        if kind.get("path") not in objects:
            document.mistake(
                (*place, "path"), "is not the path of a route to an object"
            )
        if kind.get("list") not in lists:
            for key in ("members", "failed"):
                if key not in kind:
                    document.mistake(
                        place, f"needs {key!r}, as its list is not a route"
                    )


def _placeholders(way: Route) -> list[bool]:
    """Sorts a path with text in a place before one with a placeholder there."""
    return [part.startswith("{") for part in way.path.split("/")]
