# SPDX-License-Identifier: Apache-2.0
"""The filter: puts the fault of an instance into the response that shows it.

Most requests are none of its business, and cost one comparison of the path.  For the others the
order is: call the application; leave alone whatever is not a plain 200 with JSON; look up; ask the
policy; insert.  An error in one of our own steps is logged, and the response goes out as the
application made it.
"""

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from fault_middleware import body
from fault_middleware.fault import Fault
from fault_middleware.metrics import Metrics, Site
from fault_middleware.policy import Policy
from fault_middleware.profile import RouteTable
from fault_middleware.response import Response
from fault_middleware.route import Instance
from fault_middleware.store import Store

_Found = TypeVar("_Found")


class FaultFilter:
    """A WSGI application around another, whose show responses it completes.

    :param ensure_consumer: is called at each request, so that this process consumes notifications
        from its first one on; it raises nothing. None where this process is not to consume
    """

    def __init__(
        self,
        application: WSGIApplication,
        routes: RouteTable,
        store: Store,
        policy: Policy,
        metrics: Metrics,
        ensure_consumer: Callable[[], None] | None = None,
    ) -> None:
        self._application = application
        self._routes = routes
        self._match = routes.pattern.match
        self._store = store
        self._policy = policy
        self._metrics = metrics
        self._ensure_consumer = ensure_consumer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match = self._match(environ.get("PATH_INFO", ""))
        if self._ensure_consumer is not None:
            self._ensure_consumer()
        if match is None or environ.get("REQUEST_METHOD") != "GET":
            return self._application(environ, start_response)

        response = Response(start_response)
        foreign = response.ask(self._application, environ)
        if foreign is not None:
            return foreign
        new = None
        with self._metrics.guard(Site.FILTER, f"no fault is shown in {match[0]!r}"):
            new = self._complete(response.body, environ, match)
        return response.send(new)

    def _complete(
        self, data: bytes, environ: WSGIEnvironment, match: re.Match[str]
    ) -> bytes | None:
        """The body with the faults in it; None where nothing is to be changed."""
        profile, route, path_id = self._routes.route(match)
        service = profile.service
        instances: Iterable[Instance] | None = None
        rows: dict[str, Fault | None] = {}
        if not route.many:
            with contextlib.suppress(ValueError):  # no id, so none that is stored
                # WSGI gives the bytes of a path as Latin-1 (PEP 3333).
                wanted = route.wanted(path_id.encode("latin-1").decode(), data.decode)
                rows[wanted] = self._look_up(self._store.last, service, wanted)
        elif route.asks(environ.get("QUERY_STRING", "")):
            instances = list(route.instances(data.decode()))
            ids = [one.id for one in instances]
            rows.update(self._look_up(self._store.last_many, service, ids) or {})
        is_ours = any(rows.values()) or bool(route.within)
        if not is_ours and f'"{route.shape.key}"'.encode() not in data:
            return None

        text = data.decode()
        viewer = self._policy.viewer(environ)
        edits = []
        for one in instances or route.instances(text):
            # Only where the body shows the instance that was asked for is there a row; a fault
            # that the service wrote is under the policy anywhere.
            row = rows.get(one.id) if route.takes(one) else None
            if row is None and one.id in rows and route.takes(one):
                other = route.relative(one)
                row = other and self._look_up(self._store.last, service, *other)
            if row is not None or route.shape.key in one.span.value:
                target = {"instance_id": one.id, "service": service, **route.target(one, row)}
                sight = viewer.sees(target)
                edit = route.edit(text, one, row, sight.show, sight.details)
                if edit is not None:
                    edits.append(edit)
        return body.apply(text, edits).encode() if edits else None

    def _look_up(self, ask: Callable[..., _Found], *arguments: object) -> _Found | None:
        """What the store finds; nothing while the database does not answer."""
        try:
            return ask(*arguments)
        except Exception:
            # The breaker has said so; what the service itself shows is under the policy still.
            return None
