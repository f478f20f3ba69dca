# SPDX-License-Identifier: Apache-2.0
"""A profile: what there is to know of a service, as data.

It says which requests show an instance (:mod:`fault_middleware.route`) and which notifications
carry a fault (:mod:`fault_middleware.event`).  Profiles are YAML files, those that are shipped in
``profiles/`` as well as a deployer's own; their format is ``profile-schema.yaml``.
"""

import dataclasses
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fault_middleware import event, package_data, route
from fault_middleware.document import Document
from fault_middleware.event import Event, Extraction
from fault_middleware.field import texts
from fault_middleware.options import GROUP, ConfigurationError
from fault_middleware.route import Route, ShowRequest

_Built = TypeVar("_Built")


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """The description of a service.

    :ivar service: its name, which keeps its faults apart from those of others
    :ivar exchanges: where it publishes its notifications
    :ivar routes: those without placeholders in a place come before those with one there, so the
        first that matches is the right one
    """

    service: str
    exchanges: tuple[str, ...]
    routes: tuple[Route, ...]
    events: tuple[Event, ...]

    @property
    def priorities(self) -> frozenset[str]:
        """The priorities of all events that say something."""
        return frozenset[str]().union(*(kind.priorities for kind in self.events if kind.fields))

    def extract(self, notification: Mapping[str, Any]) -> Extraction:
        """What a notification says. Pure, and total: it raises nothing for data.

        :param notification: ``event_type``, ``priority``, ``payload``, ``message_id``,
            ``timestamp``, ``publisher_id`` and ``context``
        """
        for kind in self.events:
            if kind.matches(notification):
                return kind.extract(self.service, notification)
        return Extraction("ignore")


class RouteTable:
    """Finds the route of a request; one regular expression for all paths."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._routes = [(found.service, way) for found in profiles for way in found.routes]
        alternatives = "|".join(way.pattern for _, way in self._routes) or "(?!)"
        # \Z, because $ would also match before a line feed at the end.
        self._match = re.compile(rf"(?:{alternatives})\Z").match

    def match(self, environ: Mapping[str, Any]) -> ShowRequest | None:
        """The show that a WSGI environment asks for, or None."""
        found = self._match(environ.get("PATH_INFO", ""))
        if found is None or not _asks_for_a_show(environ):
            return None
        # Each pattern has exactly one group, with what routers overlook behind an id.
        number = found.lastindex or 0
        name = found[number].rstrip("\0 \t\r\n\v\f").removesuffix(".json")
        service, way = self._routes[number - 1]
        return ShowRequest(service, way, found[0], name, environ.get("QUERY_STRING", ""))


def _asks_for_a_show(environ: Mapping[str, Any]) -> bool:
    method = environ.get("REQUEST_METHOD")
    if method == "GET":
        return True
    if method == "HEAD":
        return False
    # pecan, in which Ironic, Magnum and others are written, lets a query name another method, and
    # takes ; for & in it.
    query = urllib.parse.parse_qs(environ.get("QUERY_STRING", "").replace(";", "&"))
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
            raise ConfigurationError(f"[{GROUP}] profiles: {name}: {exc}") from exc
    if name not in shipped():
        text = f"shipped are {', '.join(shipped())}, and a path names a file of your own"
        raise ConfigurationError(f"[{GROUP}] profiles: there is no profile {name!r}; {text}")
    file = f"profiles/{name}.yaml"
    return parse(f"fault_middleware/{file}", package_data.read(file), is_shipped=True)


def shipped() -> list[str]:
    """The names of the profiles that come with the package."""
    names = [file.name for file in (package_data.FOLDER / "profiles").iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


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

    def build(key: str, make: Callable[[Any], _Built]) -> Iterator[_Built]:
        for number, part in enumerate(data.get(key, [])):
            try:
                yield make(part)
            except ValueError as exc:
                document.mistake((key, number), str(exc))

    paths = dict[str, str]()

    def make_route(part: Any) -> Route:
        made = route.build(part, data.get("fault", {}))
        if made.pattern in paths:
            raise ValueError(f"{paths[made.pattern]} takes every request for {made.path}")
        paths[made.pattern] = made.path
        return made

    routes = list(build("routes", make_route))
    routes.sort(key=lambda way: [part.startswith("{") for part in way.path.split("/")])
    events = tuple(build("events", event.build))
    if not (data.get("routes") or data.get("events")):
        document.mistake((), "has neither routes nor events")
    document.close()
    exchanges = tuple(texts(data.get("exchanges", [])))
    return Profile(data["service"], exchanges, tuple(routes), events)
