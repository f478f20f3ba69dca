# SPDX-License-Identifier: Apache-2.0
"""A log record of a service: what surrounds it while it is logged, and what it says in the end.

A record is looked at in the thread that logs, so nothing here blocks, logs, or runs code of the
service: objects are read by what they hold, never through their properties, which may ask a
database.  What is kept are texts, and no frame stays alive.
"""

import copy
import dataclasses
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import FrameType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from oslo_context import context as oslo_context

from fault_middleware import chain
from fault_middleware.chain import Cause
from fault_middleware.text import CUT

# Of a deeper stack, the outer part is not looked at.
_DEEPEST = 200
# Characters of a traceback that are kept: more than a row has room for.
_LONGEST_TRACE = 256 * 1024
# Characters of a record's own text that are kept: more than are stored, so that a secret is seen
# that begins before the end of what is stored, and ends behind it.
_LONGEST_TEXT = 24 * 1024
# Where an attribute is kept: under its name, as versioned objects have it, or as older releases of
# oslo.context do, behind a property.
_FIELD_PREFIXES = ("", "_obj_", "_")
_ANY_MODULE = re.compile(r"(?s:.*)")
# A class's bases and members, whatever its metaclass makes of such a question.
_BASES: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__
_MEMBERS: Callable[[type], Mapping[str, Any]] = vars(type)["__dict__"].__get__


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A function of the service that was running when the record was made.

    :ivar values: its local variables
    """

    module: str
    function: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Surroundings:
    """What surrounds a record while it is logged, for a look at it later or in another thread.

    :ivar context: the thread's oslo.context
    :ivar handled: the exception that is being handled, as ``sys.exc_info()`` has it
    :ivar calls: the functions that are running, of all modules, the outermost first
    """

    context: object
    handled: Any
    calls: Sequence[Call]


def surroundings() -> Surroundings:
    """What surrounds a record that this thread is logging."""
    return Surroundings(
        oslo_context.get_current(), sys.exc_info(), _running(_ANY_MODULE)
    )


class Sighting:
    """A log record and what surrounds it. Made while it is logged, and not kept.

    :param kept: what surrounded it, where it is not being logged by this thread now
    :ivar record: the record
    :ivar context: the oslo.context of the request that is served, if there is one
    """

    def __init__(
        self, record: logging.LogRecord, kept: Surroundings | None = None
    ) -> None:
        self.record = record
        self.context: object = vars(record).get("context")
        if not self.context:
            self.context = kept.context if kept else oslo_context.get_current()
        self._kept = kept
        self._calls: dict[re.Pattern[str], list[Call]] = {}

    def handling(self) -> "Sighting":
        """The same with the exception that is being handled, where the record has none."""
        handled = self._kept.handled if self._kept else sys.exc_info()
        if self.exception is not None or handled[1] is None:
            return self
        record = copy.copy(self.record)
        record.exc_info = handled
        return Sighting(record, self._kept)

    def within(
        self, paths: Sequence[str], modules: re.Pattern[str]
    ) -> "Sighting":
        """The same with the request that local variables hold, if they hold one.

        They know better than the thread, which may still have the context of an earlier request.
        """
        for call in self.calls(modules):
            for path in paths:
                context = follow(call.values, path)
                if text_at(context, "request_id"):
                    found = Sighting(self.record, self._kept)
                    found.context = context
                    return found
        return self

    @property
    def exception(self) -> BaseException | None:
        """The exception that was logged."""
        given = self.record.exc_info
        return given[1] if isinstance(given, tuple) else None

    @property
    def exception_names(self) -> Sequence[str]:
        """The class of the exception and those it is derived from; none without an exception."""
        exc = self.exception
        return () if exc is None else chain.describe(exc).names

    def calls(self, modules: re.Pattern[str]) -> Sequence[Call]:
        """The functions that were running in some modules, the outermost first.

        After those of the thread that logs come those that the exception came through.

        :param modules: matches the modules' names
        """
        if modules not in self._calls:
            running = self._running(modules)
            self._calls[modules] = running + _passed(self.record, modules)
        return self._calls[modules]

    def _running(self, modules: re.Pattern[str]) -> list[Call]:
        if self._kept is None:
            return _running(modules)
        return [
            call for call in self._kept.calls if modules.fullmatch(call.module)
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """What a log record says of an instance, in texts.

    :ivar created: UTC, naive
    :ivar sources: the logger, then the service's functions that were running, the outermost
        first, such as ``cinder.volume.manager.extend_volume``
    :ivar causes: the exception and its causes, the one that it began with last
    :ivar trace: the traceback, or ""
    """

    instance_id: str
    logger: str
    created: datetime
    text: str
    sources: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    trace: str = ""
    request_id: str | None = None
    project_id: str | None = None

    @property
    def size(self) -> int:
        """Its characters, about."""
        return (
            len(self.text)
            + len(self.trace)
            + sum(len(cause.text) for cause in self.causes)
        )


def read(
    sighting: Sighting,
    instance_id: str,
    modules: re.Pattern[str],
    request_paths: Sequence[str] = ("request_id",),
    project_id: str | None = None,
) -> Failure:
    """What the record says of the instance, in texts that outlive it.

    :param modules: matches the names of the service's own modules
    :param request_paths: where the context has the id of the request, in order of preference
    :param project_id: the instance's
    """
    record = sighting.record
    exc = sighting.exception
    causes = chain.chain(exc) if exc is not None else []
    calls = sighting.calls(modules)
    return Failure(
        instance_id=instance_id,
        logger=record.name,
        created=datetime.fromtimestamp(record.created, UTC).replace(
            tzinfo=None
        ),
        text=message_of(record)[:_LONGEST_TEXT],
        sources=(
            record.name,
            *(f"{call.module}.{call.function}" for call in calls),
        ),
        causes=tuple(chain.describe(cause) for cause in causes),
        trace=_ends(chain.trace(exc)) if exc is not None else "",
        request_id=_first_text(sighting.context, request_paths),
        project_id=project_id,
    )


def _ends(trace: str) -> str:
    """A traceback that is not too long to be kept: where it began, and what happened."""
    if len(trace) <= _LONGEST_TRACE:
        return trace
    half = _LONGEST_TRACE // 2
    return f"{trace[:half]}\n{CUT}\n{trace[-half:]}"


def message_of(record: logging.LogRecord) -> str:
    """The text of a record; one whose arguments do not fit has the text without them."""
    try:
        return record.getMessage()
    except Exception:
        return record.msg if isinstance(record.msg, str) else ""


def _running(modules: re.Pattern[str]) -> list[Call]:
    """The functions of this thread, the outermost first."""
    calls: list[Call] = []
    # Frames are not gathered: a list of them would be in one of them, and keep all of them alive.
    frame = sys._getframe().f_back
    depth = 0
    while frame is not None and depth < _DEEPEST:
        call = _call(frame, modules)
        if call is not None:
            calls.append(call)
        frame = frame.f_back
        depth += 1
    calls.reverse()
    return calls


def _passed(record: logging.LogRecord, modules: re.Pattern[str]) -> list[Call]:
    """The functions that the exception of a record came through, the outermost first."""
    calls: list[Call] = []
    given = record.exc_info
    trace = given[2] if isinstance(given, tuple) else None
    depth = 0
    while trace is not None and depth < _DEEPEST:
        call = _call(trace.tb_frame, modules)
        if call is not None:
            calls.append(call)
        trace = trace.tb_next
        depth += 1
    return calls


def _call(frame: FrameType, modules: re.Pattern[str]) -> Call | None:
    module = frame.f_globals.get("__name__")
    if isinstance(module, str) and modules.fullmatch(module):
        # From Python 3.13 on these are a view of the frame, which a copy does not keep alive.
        return Call(module, frame.f_code.co_name, dict(frame.f_locals))
    return None


def text_at(root: object, path: str) -> str | None:
    """The text that a path leads to, unless it is empty or something else."""
    value = follow(root, path)
    # Not isinstance(), which asks the object for its class; a copy, since a class derived from
    # str may have methods of its own.
    if not issubclass(type(value), str):
        return None
    text: Any = value
    return str.__str__(text) or None


def is_administrator(context: object) -> bool:
    """Whether a request's context is that of an administrator, as services decide it."""
    if follow(context, "is_admin") is True:
        return True
    roles = follow(context, "roles")
    return isinstance(roles, list) and "admin" in roles


def _first_text(root: object, paths: Sequence[str]) -> str | None:
    for path in paths:
        found = text_at(root, path)
        if found is not None:
            return found
    return None


def follow(root: object, path: str) -> object:
    """What a dotted path of keys and attributes leads to, or None."""
    value = root
    for name in path.split("."):
        value = _member(value, name)
    return value


def _member(value: object, name: str) -> object:
    """A key of a mapping or an attribute of an object, if it is there without running any code."""
    if issubclass(type(value), dict):
        mapping: Any = value
        return dict.get(mapping, name)
    attributes = _attributes(value)
    for prefix in _FIELD_PREFIXES:
        found = attributes.get(prefix + name)
        if found is not None:
            return found
    return None


def _attributes(value: object) -> dict[str, object]:
    """The attributes that an object holds; none of a proxy, which would ask another object."""
    for cls in _BASES(type(value)):
        held = _MEMBERS(cls).get("__dict__")
        if isinstance(held, GetSetDescriptorType | MemberDescriptorType):
            found: dict[str, object] = held.__get__(value)
            return found
        if held is not None:
            break
    return {}
