# SPDX-License-Identifier: Apache-2.0
"""The filter: puts the fault of an instance into the response that shows it.

Most requests are not shows, and cost one comparison of the path.  For the others the steps are:
match, call the application, find the instances and their faults, learn who asks, render, and
splice.  An error in one of our own steps is logged, and the response goes out as the application
made it, except for details that the policy may keep from the caller.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from fault_middleware.fault import Fault
from fault_middleware.instances import ShownInstances
from fault_middleware.metrics import Metrics, Site
from fault_middleware.policy import Policy, Viewer, Visibility
from fault_middleware.profile import RouteTable
from fault_middleware.response import Response
from fault_middleware.route import Instance, ShowRequest
from fault_middleware.store import CHUNK, Store
from fault_middleware.text import CUT

#: Characters of details (and of problems) that are added to one list.
LIST_LIMIT = 4 * 1024 * 1024
#: Seconds after which no further details are looked up for a list, and after which long texts of
#: the service's own faults are left out of it.
LIST_SECONDS = 2.0
#: A header of a response that shows every fault there is. Without it, no filter is in front of the
#: service, or it could not complete the response: the database did not answer, or a fault or the
#: body could not be read.
HEADER = ("X-Instance-Faults", "shown")

_NOTHING = Visibility(show=False, details=False)

_Found = TypeVar("_Found")


@dataclasses.dataclass(frozen=True, slots=True)
class _Shown:
    """An instance with its fault, and what the caller may see of it."""

    instance: Instance
    fault: Fault | None
    visible: Visibility


class _NotShownError(Exception):
    """The database did not answer, which the store has logged; or the body lacks the instance."""


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
        self._store = store
        self._policy = policy
        self._metrics = metrics
        self._ensure_consumer = ensure_consumer

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self._ensure_consumer is not None:
            self._ensure_consumer()
        request = None
        try:
            request = self._routes.match(environ)
        except Exception as exc:
            self._metrics.error(Site.FILTER, "a request is not looked at", exc)
        if request is None:
            return self._application(environ, start_response)

        response = Response(start_response)
        response.call(self._application, environ)
        if not response.is_held:
            return response.passed_on
        try:
            self._complete(request, response, environ)
        except Exception as exc:
            text = f"no fault is shown in {request.path!r}"
            self._metrics.error(Site.FILTER, text, exc)
            self._withhold(request, response)
        except BaseException:
            # Such as a time limit that the service has set, which eventlet raises wherever it is.
            response.abandon()
            raise
        return response.finish()

    def _complete(
        self,
        request: ShowRequest,
        response: Response,
        environ: WSGIEnvironment,
    ) -> None:
        """Put the faults into the response, if there are any, and say that they are looked up."""
        instances = ShownInstances(request.route, response.body)
        faults: Mapping[str, Fault] = {}
        is_known = request.wants_faults
        if is_known:
            try:
                faults = self._find(request, instances)
            except _NotShownError:
                # Go on: the policy still applies to the service's own fault.
                is_known = False
        if faults or instances.has_own_fault:
            shown = self._see(request, instances, faults, environ)
            are_rendered = self._render(request, instances, shown)
            is_known = is_known and are_rendered
        body = instances.encode()
        if body is not None:
            response.replace(body)
        if is_known:
            response.add(HEADER)

    def _withhold(self, request: ShowRequest, response: Response) -> None:
        """Leave the response as it came, but for the details of the service's own faults.

        Nothing is known about the caller, who may be one who must not see them.
        """
        with self._metrics.guard(
            Site.FILTER, f"the body of {request.path!r} stays as it is"
        ):
            instances = ShownInstances(request.route, response.body)
            form = request.route.form
            if instances.has_own_fault:
                for instance in instances:
                    own = form.withheld(instance.members, _NOTHING)
                    instances.splice(instance, own)
            body = instances.encode()
            if body is not None:
                response.replace(body)

    def _render(
        self,
        request: ShowRequest,
        instances: ShownInstances,
        shown: list[_Shown],
    ) -> bool:
        """Show each instance's fault; whether all could be shown."""
        form = request.route.form
        are_rendered = True
        end = time.monotonic() + LIST_SECONDS
        for part in shown:
            members = part.instance.members
            is_brief = time.monotonic() > end
            try:
                view = form.render(members, part.fault, part.visible, is_brief)
                instances.splice(part.instance, view)
            except Exception as exc:
                # What is wrong with one row is no reason to hide the others of a list.
                are_rendered = False
                text = f"the fault of instance {part.instance.id} is not shown"
                self._metrics.error(Site.FILTER, text, exc)
                own = form.withheld(members, part.visible)
                instances.splice(part.instance, own)
        return are_rendered

    def _find(
        self, request: ShowRequest, instances: ShownInstances
    ) -> Mapping[str, Fault]:
        """What is to be shown of each instance, a fault or a clearance, by the instance's id."""
        if request.route.many:
            return self._find_many(request, instances)
        try:
            instance_id = request.instance_id(instances)
        except ValueError:
            return {}  # not a valid id, so nothing can be stored under it
        fault = self._look_up(self._store.newest, request.service, instance_id)
        if fault is None and request.route.parent_fields is not None:
            fault = self._find_at_parent(request, instances, instance_id)
        # Not before: most shows have no fault, and their bodies are not parsed.
        if fault is None or not _may_have_fault(instances, instance_id):
            return {}
        return {instance_id: fault}

    def _find_many(
        self, request: ShowRequest, instances: ShownInstances
    ) -> Mapping[str, Fault]:
        ids = [instance.id for instance in instances.candidates]
        # Most callers may not see long texts, so they are read when that is known.
        newest_of_many = functools.partial(
            self._store.newest_of_many, with_details=False
        )
        return self._look_up(newest_of_many, request.service, ids)

    def _find_at_parent(
        self, request: ShowRequest, instances: ShownInstances, instance_id: str
    ) -> Fault | None:
        """The fault of the instance to which this one belongs, from the time of this one.

        Only for an instance without any row, not even a clearance, and not in lists.
        """
        for instance in instances:
            if instance.id == instance_id:
                lookup = request.route.parent_lookup(instance)
                if lookup is not None:
                    return self._look_up(
                        self._store.newest_between,
                        request.service,
                        lookup.instance_id,
                        lookup.since,
                        lookup.until,
                    )
        return None

    def _see(
        self,
        request: ShowRequest,
        instances: ShownInstances,
        faults: Mapping[str, Fault],
        environ: WSGIEnvironment,
    ) -> list[_Shown]:
        """The instances with a fault, ours or the service's own, as the caller may see it.

        The details of a fault that the service wrote are under the policy, whatever the path and
        the query say. The service has decided who sees the rest of it.
        """
        viewer = self._policy.viewer(environ)
        shown = []
        for instance in instances:
            fault = faults.get(instance.id)
            if fault is not None or request.route.form.key in instance.members:
                visible = see(request, instance, fault, viewer)
                shown.append(_Shown(instance, fault, visible))
        if request.route.many:
            return self._with_long_texts(request, shown, viewer)
        return shown

    def _with_long_texts(
        self, request: ShowRequest, shown: list[_Shown], viewer: Viewer
    ) -> list[_Shown]:
        """A list with the details and problems that the caller may see, as long as there is room.

        If there is no more room, a mark says that something is left out; the show of the instance
        has it.  Details may have a project that the fault itself does not have; then the policy
        is asked again.
        """
        form = request.route.form
        wanted = [
            part
            for part in shown
            if part.fault and form.needs_long_texts(part.visible)
        ]
        complete = self._read_long_texts(
            request, [part.instance.id for part in wanted]
        )
        filled = []
        for part in shown:
            if part.fault is not None and form.needs_long_texts(part.visible):
                fault = complete.get(part.instance.id) or _without_long_texts(
                    part.fault
                )
                visible = part.visible
                if fault.project_id != part.fault.project_id:
                    visible = see(request, part.instance, fault, viewer)
                part = _Shown(part.instance, fault, visible)
            filled.append(part)
        return filled

    def _read_long_texts(
        self, request: ShowRequest, ids: list[str]
    ) -> dict[str, Fault]:
        complete = {}
        room = LIST_LIMIT
        end = time.monotonic() + LIST_SECONDS
        for start in range(0, len(ids), CHUNK):
            if room <= 0 or time.monotonic() > end:
                break
            chunk = ids[start : start + CHUNK]
            try:
                found = self._look_up(
                    self._store.newest_of_many, request.service, chunk
                )
            except _NotShownError:
                break
            for instance_id, fault in found.items():
                room -= len(fault.details) + len(fault.problem or "")
                complete[instance_id] = (
                    fault if room >= 0 else _without_long_texts(fault)
                )
        return complete

    def _look_up(
        self, ask: Callable[..., _Found], *arguments: object
    ) -> _Found:
        """What the store finds; _NotShownError while the database does not answer."""
        try:
            return ask(*arguments)
        except Exception as exc:
            raise _NotShownError from exc


def see(
    request: ShowRequest,
    instance: Instance,
    fault: Fault | None,
    viewer: Viewer,
) -> Visibility:
    """What the caller may see of an instance's fault, and of the service's own."""
    target = request.policy_target(instance, fault)
    if fault is not None and request.route.is_former(instance, fault):
        return viewer.sees_former(target)
    return viewer.sees(target)


def _may_have_fault(instances: ShownInstances, instance_id: str) -> bool:
    """Whether an instance is one of those that may; _NotShownError where the body lacks it."""
    if all(instance.id != instance_id for instance in instances):
        raise _NotShownError
    return any(instance.id == instance_id for instance in instances.candidates)


def _without_long_texts(fault: Fault) -> Fault:
    return dataclasses.replace(fault, details=CUT, problem=None)
