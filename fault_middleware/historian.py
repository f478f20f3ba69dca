# SPDX-License-Identifier: Apache-2.0
"""Answers ``GET <path of a show>/faults`` with the history of the instance.

The service is asked twice before: whether it has such a path itself, and then for the show, with
the caller's own request.  So a path of the service's own stays as it is, and nobody reads the
history of what the service does not show to him.  Whatever goes wrong in our own steps, the answer
is the service's own 404.
"""

import dataclasses
import io
import json
import urllib.parse
import wsgiref.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from fault_middleware import history
from fault_middleware.fault import Fault
from fault_middleware.filter import HEADER, LIST_LIMIT, see
from fault_middleware.history import Entry, Page, ParameterError
from fault_middleware.instances import ShownInstances
from fault_middleware.metrics import Metrics, Site
from fault_middleware.policy import Policy, Viewer, Visibility
from fault_middleware.profile import RouteTable
from fault_middleware.response import Headers, Response
from fault_middleware.route import Instance, ShowRequest
from fault_middleware.store import Store
from fault_middleware.text import CUT

_END = "/faults"
_ENDS = (_END, f"{_END}/")
# What servers tell of the path besides PATH_INFO, and what tells of a body that was read.
_NOT_OF_THE_SHOW = (
    "HTTP_TRANSFER_ENCODING",
    "RAW_PATH_INFO",
    "RAW_URI",
    "REQUEST_URI",
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Inquiry:
    """A request for a history.

    :ivar show: what it is of
    :ivar environ: of the request for the show
    :ivar url: its own address, without the query
    :ivar query: its own query string
    """

    show: ShowRequest
    environ: WSGIEnvironment
    url: str
    query: str


class Historian:
    """A WSGI application around another, which answers for histories; all else it hands on."""

    def __init__(
        self,
        application: WSGIApplication,
        routes: RouteTable,
        store: Store,
        policy: Policy,
        metrics: Metrics,
    ) -> None:
        self._application = application
        self._routes = routes
        self._store = store
        self._policy = policy
        self._metrics = metrics

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        inquiry = None
        if environ.get("PATH_INFO", "").endswith(_ENDS):
            with self._metrics.guard(
                Site.FILTER, "a request for a history is not looked at"
            ):
                inquiry = self._read(environ)
        if inquiry is None:
            return self._application(environ, start_response)

        own = Response(start_response, _is_not_found)
        own.call_as_is(self._application, environ)
        if not own.is_held:
            # The service has such a path itself.
            return own.passed_on
        show = Response(_start_nothing, _is_anything)
        is_ours = False
        try:
            # The service's own error, too: its answer to what was asked is there.
            with self._metrics.guard(
                Site.FILTER, f"no history of {inquiry.show.path!r} is told"
            ):
                show.call(self._application, inquiry.environ)
                is_ours = self._answer(inquiry, show)
        except BaseException:
            self._discard(own, show)
            raise
        unused, used = (own, show) if is_ours else (show, own)
        self._discard(unused)
        return used.finish(start_response)

    def _discard(self, *answers: Response) -> None:
        """Close answers that are not sent; an error of one concerns nobody else."""
        for answer in answers:
            with self._metrics.guard(
                Site.FILTER, "an answer that is not sent was not closed"
            ):
                answer.discard()

    def _read(self, environ: WSGIEnvironment) -> _Inquiry | None:
        """The request for a history that an environment is; None for another request."""
        if environ.get("REQUEST_METHOD") != "GET":
            return None
        if self._routes.match(environ) is not None:
            return None
        of_show = _environ_of_show(environ)
        show = self._routes.match(of_show)
        if show is None or show.route.many:
            return None
        url = wsgiref.util.request_uri(environ, include_query=False)
        query = environ.get("QUERY_STRING", "")
        return _Inquiry(show, of_show, url, query)

    def _answer(self, inquiry: _Inquiry, show: Response) -> bool:
        """Make the service's answer on the show the answer on the history.

        :returns: whether it is the one to send; else the service's 404 is
        """
        if not show.is_held:
            return False
        if show.status[0] in "45":
            return True
        if not show.shows:
            return False
        try:
            page = history.read_page(inquiry.query)
            body = self._tell(inquiry, show.body, page)
        except ParameterError as exc:
            error = {"badRequest": {"code": 400, "message": str(exc)}}
            show.replace(json.dumps(error).encode(), "400 Bad Request")
            return True
        if body is None:
            return False
        show.replace(json.dumps(body).encode())
        show.add(HEADER)
        return True

    def _tell(
        self, inquiry: _Inquiry, shown: bytes, page: Page
    ) -> dict[str, Any] | None:
        """The history; None where it is not for the caller, or of nothing that the body shows."""
        instance = _find_instance(inquiry.show, shown)
        if instance is None:
            return None
        viewer = self._policy.viewer(inquiry.environ)
        target = inquiry.show.policy_target(instance, None)
        if not viewer.may_ask_for_history(target):
            return None
        if not viewer.sees(target).show:
            return None

        rows = self._store.history(inquiry.show.service, instance.id)
        if not rows:
            rows = self._rows_of_parent(inquiry.show, instance)
        sight = _Sight(inquiry.show, instance, viewer)
        visible = {row.id: sight.of(row) for row in rows}
        entries = history.fold(
            rows,
            {row_id: seen.show for row_id, seen in visible.items()},
            is_well=not inquiry.show.route.may_have_fault(instance),
        )
        chosen, has_more = page.choose(entries)
        told = self._render(chosen, visible)
        body: dict[str, Any] = {"faults": told}
        if has_more:
            body["faults_links"] = [_next(inquiry, page, chosen[-1])]
        return body

    def _rows_of_parent(
        self, show: ShowRequest, instance: Instance
    ) -> list[Fault]:
        """What a show has of an instance without rows of its own: one of its parent's."""
        lookup = show.route.parent_lookup(instance)
        if lookup is None:
            return []
        row = self._store.newest_between(
            show.service, lookup.instance_id, lookup.since, lookup.until
        )
        return [] if row is None else [row]

    def _render(
        self, entries: Sequence[Entry], visible: Mapping[str, Visibility]
    ) -> list[dict[str, Any]]:
        """Entries with the details that the caller may see, as long as there is room."""
        wanted = [entry for entry in entries if visible[entry.row.id].details]
        whole = self._store.whole([entry.row for entry in wanted])
        room = LIST_LIMIT
        told = []
        for entry in entries:
            details = None
            if entry in wanted:
                row = whole.get(entry.row.id)
                details = CUT if row is None else row.details
                room -= len(details)
                if room < 0:
                    details = CUT
            told.append(entry.render(details))
        return told


class _Sight:
    """What a caller sees of the faults of one instance, which depends on their projects alone."""

    def __init__(
        self, show: ShowRequest, instance: Instance, viewer: Viewer
    ) -> None:
        self._show = show
        self._instance = instance
        self._viewer = viewer
        self._seen: dict[str | None, Visibility] = {}

    def of(self, row: Fault) -> Visibility:
        """What the caller sees of a row."""
        project_id = row.project_id
        if project_id not in self._seen:
            self._seen[project_id] = see(
                self._show, self._instance, row, self._viewer
            )
        return self._seen[project_id]


def _environ_of_show(environ: WSGIEnvironment) -> WSGIEnvironment:
    """The caller's own request, for the show and without a query and a body."""
    changed = dict(environ)
    for key in _NOT_OF_THE_SHOW:
        changed.pop(key, None)
    path = environ["PATH_INFO"].removesuffix("/")
    changed["PATH_INFO"] = path.removesuffix(_END)
    changed["QUERY_STRING"] = ""
    changed["CONTENT_LENGTH"] = "0"
    changed["wsgi.input"] = io.BytesIO()
    return changed


def _find_instance(show: ShowRequest, shown: bytes) -> Instance | None:
    """The instance that is asked for, if the body shows it."""
    instances = ShownInstances(show.route, shown)
    try:
        wanted = show.instance_id(instances)
    except ValueError:
        return None
    for instance in instances:
        if instance.id == wanted:
            return instance
    return None


def _next(inquiry: _Inquiry, page: Page, last: Entry) -> dict[str, str]:
    """The link to the page behind this one."""
    query = urllib.parse.urlencode({"limit": page.limit, "marker": last.id})
    return {"rel": "next", "href": f"{inquiry.url}?{query}"}


def _is_not_found(status: str, headers: Headers) -> bool:
    return status.startswith("404")


def _is_anything(status: str, headers: Headers) -> bool:
    return True


def _start_nothing(
    status: str, headers: Headers, exc_info: Any = None
) -> Callable[[bytes], object]:
    """The ``start_response`` of an answer that is not sent as it comes."""
    return len
