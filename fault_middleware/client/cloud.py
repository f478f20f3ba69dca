# SPDX-License-Identifier: Apache-2.0
"""A cloud, asked with the user's own session."""

import concurrent.futures
import contextlib
import dataclasses
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fault_middleware.client import pages, refusals
from fault_middleware.client.pages import Page
from fault_middleware.client.refusals import (
    BadRequestError,
    ForbiddenError,
    NotInCatalogError,
    RefusedError,
    SilentError,
)
from fault_middleware.client.resource import (
    Fault,
    Resource,
    Service,
    at,
    text_at,
)

#: The most things of a kind that are shown one by one if no list shows faults.
MOST_SHOWS = 100
#: The most entries of a history that are read.
MOST_ENTRIES = 1000
#: How many services are asked at a time, and how many shows of one.
AT_A_TIME = 8
SHOWS_AT_A_TIME = 4
# A list that never ends is not a list.
_MOST_PAGES = 1000
# The header by which the filter says that it looked.
_HEADER = "X-Instance-Faults"
_VERSION = re.compile(r"/v\d+(\.\d+)?$")


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A thing, and its fault.

    :ivar thing: as its service shows it
    :ivar is_filtered: whether the filter looked for a fault
    """

    resource: Resource
    thing: Mapping[str, Any]
    is_filtered: bool

    @property
    def fault(self) -> Fault | None:
        """Why it failed, if it did."""
        return self.resource.fault_of(self.thing)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one kind of thing.

    :ivar shown: the things that have a fault
    :ivar remarks: what the user has to know about it
    :ivar refusal: why nothing is known; None where the service answered
    """

    resource: Resource
    shown: tuple[Shown, ...]
    remarks: tuple[str, ...]
    refusal: RefusedError | None = None


class Cloud:
    """The services of a catalog.

    :param session: of keystoneauth
    :param find_endpoint: the address of a service by its type, or None
    :param project_id: of whoever asks
    """

    def __init__(
        self,
        session: Any,
        find_endpoint: Callable[[str], str | None],
        project_id: str,
    ) -> None:
        self._session = session
        self._find_endpoint = find_endpoint
        self._project_id = project_id

    def has(self, service: Service) -> bool:
        """Whether a service is in the catalog."""
        return any(self._find_endpoint(kind) for kind in service.types)

    def failed(self, resource: Resource, *, all_projects: bool) -> Answer:
        """What has a fault.

        :raises NotInCatalogError: when the cloud does not have the service
        :raises RefusedError: when the service refuses, or does not answer
        """
        things = self._list(resource, all_projects=all_projects)
        remarks: list[str] = []
        if resource.lists_faults:
            found = list(things)
        else:
            found = self._show_failed(resource, things, remarks)
        if found and not any(shown.is_filtered for shown in found):
            remarks.append("no filter answers for it, so faults are not known")
        wanted = []
        for shown in found:
            is_wanted = all_projects or self._is_ours(shown)
            if is_wanted and shown.fault is not None:
                wanted.append(shown)
        return Answer(resource, tuple(wanted), tuple(remarks))

    def find(self, resource: Resource, id_or_name: str) -> Shown:
        """The one with an id, or the only one with a name.

        :raises NotInCatalogError: when the cloud does not have the service
        :raises RefusedError: when there is none, or more than one, or the service refuses
        """
        if _names_only_the_id(resource.path):
            # Some services take no name in the place of an id.
            with contextlib.suppress(BadRequestError):
                shown = self._show(resource, {resource.id_path: id_or_name})
                if shown is not None:
                    return shown
        found = []
        for listed in self._list(resource, all_projects=False):
            thing = listed.thing
            names = (resource.id_of(thing), resource.name_of(thing))
            if id_or_name in names:
                found.append(thing)
        if len(found) != 1:
            number = len(found) or "no"
            raise RefusedError(
                f"{number} {resource.word}s are called {id_or_name!r}"
            )
        shown = self._show(resource, found[0])
        if shown is None:
            raise RefusedError(f"{resource.word} {id_or_name!r} has just gone")
        return shown

    def history(
        self, resource: Resource, thing: Mapping[str, Any]
    ) -> list[Mapping[str, Any]] | None:
        """What happened to a thing, the newest first; None where nobody tells.

        :raises RefusedError: when the service refuses, or does not answer
        """
        values = {**thing, "id": resource.id_of(thing)}
        url: str | None = self._url(resource, resource.path, values)
        url = f"{url}/faults"
        entries: list[Mapping[str, Any]] = []
        while url is not None and len(entries) < MOST_ENTRIES:
            page = self._get(resource, url, members_path="faults")
            if page is None or not page.is_filtered:
                return None
            found = page.members("faults", "fault")
            entries += [entry for entry in found if isinstance(entry, Mapping)]
            url = page.next_url if found else None
        return entries[:MOST_ENTRIES]

    def _is_ours(self, shown: Shown) -> bool:
        """Whether a thing belongs to the project.

        Some services show everything to administrators, whatever they are asked.
        """
        project_id = shown.resource.project_of(shown.thing)
        return project_id in ("", self._project_id)

    def _show_failed(
        self, resource: Resource, things: Iterator[Shown], remarks: list[str]
    ) -> list[Shown]:
        """What has a bad status, each as its show has it."""
        bad = []
        for listed in things:
            if resource.has_failed(listed.thing):
                bad.append(listed.thing)
        if len(bad) > MOST_SHOWS:
            remarks.append(
                f"{len(bad)} have failed, of which {MOST_SHOWS} are shown"
            )
            bad = bad[:MOST_SHOWS]
        with concurrent.futures.ThreadPoolExecutor(SHOWS_AT_A_TIME) as pool:
            answers = pool.map(lambda thing: self._show(resource, thing), bad)
            return [shown for shown in answers if shown is not None]

    def _show(
        self, resource: Resource, thing: Mapping[str, Any]
    ) -> Shown | None:
        """A thing with all its members; None if it is not there."""
        instance_id = resource.id_of(thing)
        values = {**thing, "id": instance_id}
        url = self._url(resource, resource.path, values)
        try:
            page = self._get(resource, url)
        except ForbiddenError as exc:
            # Somebody who may list them all may be refused one of them.
            raise RefusedError(str(exc)) from exc
        if page is None:
            return None
        found = at(page.body, resource.object_path)
        if not isinstance(found, Mapping):
            raise RefusedError(f"the answer has no {resource.word}")
        return Shown(resource, found, page.is_filtered)

    def _list(
        self, resource: Resource, *, all_projects: bool
    ) -> Iterator[Shown]:
        """Everything that a service lists, one page after the other."""
        path = resource.list_path
        query = dict(resource.query)
        headers: Mapping[str, str] = {}
        if all_projects:
            path = resource.list_all_path
            query.update(resource.service.all_query)
            headers = resource.service.all_headers
        first_url = self._url(resource, path, {})
        url = _with(first_url, query)
        for _ in range(_MOST_PAGES):
            page = self._get(resource, url, headers)
            if page is None:
                return
            things = page.members(resource.members_path, resource.word)
            for thing in things:
                if isinstance(thing, Mapping):
                    yield Shown(resource, thing, page.is_filtered)
            next_url = page.next_url
            if resource.marker and things:
                last = text_at(things[-1], resource.marker)
                next_url = _with(first_url, {**query, "marker": last})
                # A service that does not know the marker would begin again for ever.
                if next_url == url:
                    return
            if next_url is None:
                return
            url = next_url

    def _url(
        self, resource: Resource, path: str, values: Mapping[str, Any]
    ) -> str:
        known = {**values, "project_id": self._project_id}

        def fill(found: re.Match[str]) -> str:
            return urllib.parse.quote(str(known.get(found[1], "")), safe="")

        filled = re.sub(r"\{(\w+)\}", fill, path)
        return self._root(resource) + resource.service.prefix + filled

    def _root(self, resource: Resource) -> str:
        """The address of a service, without its version and the project."""
        for kind in resource.service.types:
            endpoint = self._find_endpoint(kind)
            if endpoint:
                root = endpoint.rstrip("/")
                root = root.removesuffix(f"/{self._project_id}")
                root = root.removesuffix(f"/AUTH_{self._project_id}")
                return _VERSION.sub("", root)
        raise NotInCatalogError(resource.service.name)

    def _get(
        self,
        resource: Resource,
        url: str,
        headers: Mapping[str, str] | None = None,
        members_path: str | None = None,
    ) -> Page | None:
        """An answer; None if there is nothing.

        :param members_path: of the list in the body; default, the resource's
        """
        if members_path is None:
            members_path = resource.members_path
        sent = {"Accept": "application/json", **resource.service.headers}
        sent.update(headers or {})
        try:
            answer = self._session.get(url, headers=sent, raise_exc=False)
        except Exception as exc:
            # Of a dozen kinds, by keystoneauth, requests and TLS.
            raise SilentError(str(exc) or type(exc).__name__) from exc
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise refusals.by_status(answer.status_code)
        try:
            body = answer.json()
        except ValueError as exc:
            raise RefusedError("its answer is not JSON") from exc
        link = answer.links.get("next", {}).get("url")
        link = link or pages.next_link(body, members_path)
        if link:
            link = pages.at_service(self._root(resource), link)
        return Page(body, link, _HEADER in answer.headers)


def _with(url: str, query: Mapping[str, str]) -> str:
    """An address with parameters, if there are any."""
    return f"{url}?{urllib.parse.urlencode(query)}" if query else url


def _names_only_the_id(path: str) -> bool:
    """Whether a show can be asked for with the id alone."""
    return set(re.findall(r"\{(\w+)\}", path)) <= {"id", "project_id"}
