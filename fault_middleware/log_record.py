# SPDX-License-Identifier: Apache-2.0
"""A log record of a service: what surrounds it while it is logged, and what it says in the end.

A record is looked at in the thread that logs, so nothing here blocks, logs, or runs code of the
service: objects are read by what they hold, never through their properties, which may ask a
database.  What is kept are texts, and no frame stays alive.
"""

import dataclasses
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from oslo_context import context as oslo_context

from fault_middleware import chain
from fault_middleware.chain import Cause

# A stack that is deeper is not looked at further out.
_DEEPEST = 200
# Characters of a record's own text that are kept.
_LONGEST_TEXT = 8192
# What versioned objects of OpenStack put before the names of their fields.
_FIELD_PREFIX = "_obj_"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A function of the service that was running when the record was made.

    :ivar values: its local variables
    """

    module: str
    function: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Sighting:
    """A log record and what surrounds it, as long as it is being logged.

    :ivar context: the oslo.context of the request that is served, if there is one
    :ivar calls: the functions of the service's modules, the outermost first
    """

    record: logging.LogRecord
    context: object
    calls: Sequence[Call]

    @property
    def exception(self) -> BaseException | None:
        """The exception that was logged."""
        given = self.record.exc_info
        return given[1] if isinstance(given, tuple) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """What a log record says of an instance, in texts.

    :ivar created: UTC, naive
    :ivar function: the function of the service that named the instance, or ""
    :ivar causes: the exception and its causes, the one that it began with last
    :ivar classes: of each cause its class and those that it is derived from
    :ivar trace: the traceback, or ""
    """

    instance_id: str
    logger: str
    created: datetime
    text: str
    function: str = ""
    causes: tuple[Cause, ...] = ()
    classes: tuple[tuple[str, ...], ...] = ()
    trace: str = ""
    request_id: str | None = None
    project_id: str | None = None


def sight(record: logging.LogRecord, modules: re.Pattern[str]) -> Sighting:
    """Look at a record that is being logged by this thread.

    :param modules: matches the names of the service's own modules
    """
    context = vars(record).get("context") or oslo_context.get_current()
    return Sighting(record, context, list(_calls(record, modules)))


def read(sighting: Sighting, instance_id: str, function: str) -> Failure:
    """What the record says of the instance, in texts that outlive it."""
    record = sighting.record
    exc = sighting.exception
    causes: list[BaseException] = chain.chain(exc) if exc is not None else []
    return Failure(
        instance_id=instance_id,
        logger=record.name,
        created=datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None),
        text=message_of(record)[:_LONGEST_TEXT],
        function=function,
        causes=tuple(chain.describe(cause) for cause in causes),
        classes=tuple(chain.class_names(cause) for cause in causes),
        trace=chain.trace(exc) if exc is not None else "",
        request_id=text_at(sighting.context, "request_id"),
        project_id=text_at(sighting.context, "project_id"),
    )


def message_of(record: logging.LogRecord) -> str:
    """The text of a record; one whose arguments do not fit has the text without them."""
    try:
        return record.getMessage()
    except Exception:
        return record.msg if isinstance(record.msg, str) else ""


def _calls(record: logging.LogRecord, modules: re.Pattern[str]) -> Iterator[Call]:
    """The functions that are running, then those that the exception came through."""
    stack = _stack()
    given = record.exc_info
    trace = given[2] if isinstance(given, tuple) else None
    while trace is not None and len(stack) < 2 * _DEEPEST:
        stack.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in stack:
        module = frame.f_globals.get("__name__")
        if isinstance(module, str) and modules.fullmatch(module):
            yield Call(module, frame.f_code.co_name, frame.f_locals)


def _stack() -> list[FrameType]:
    """The frames of this thread, the outermost first."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and len(frames) < _DEEPEST:
        frames.append(frame)
        frame = frame.f_back
    frames.reverse()
    return frames


def text_at(root: object, path: str) -> str | None:
    """The text that a path leads to, unless it is empty or something else."""
    value = follow(root, path)
    return value if isinstance(value, str) and value else None


def follow(root: object, path: str) -> object:
    """What a dotted path of keys and attributes leads to, or None."""
    value = root
    for name in path.split("."):
        value = _member(value, name)
    return value


def _member(value: object, name: str) -> object:
    """A key of a mapping or an attribute of an object, if it is there without running any code."""
    if isinstance(value, dict):
        return dict.get(value, name)
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    found = attributes.get(name)
    return attributes.get(_FIELD_PREFIX + name) if found is None else found
