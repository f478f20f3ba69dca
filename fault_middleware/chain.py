# SPDX-License-Identifier: Apache-2.0
"""Why something failed: an exception, followed to the one that it began with.

Python remembers two kinds of predecessors.  A ``__cause__`` was named by whoever raised the
exception.  A ``__context__`` is only what was being handled at that moment: the true reason when a
handler translates one exception into another, and misleading when the handler tried something else
that failed as well.
"""

import dataclasses
import traceback
from types import FrameType, TracebackType

# oslo.messaging re-creates the exception of another process: a class of this name, with the
# traceback of the other process after its text.
_REMOTE_SUFFIX = "_Remote"
_REMOTE_TRACE = "\nTraceback (most recent call last)"
# What oslo.messaging writes if it may not re-create the exception.
_REMOTE_ERROR = "oslo_messaging.rpc.client.RemoteError"
# A shorter text may occur in another one by chance.
_LEAST_QUOTE = 8
# What every exception is.
_TOO_GENERAL = (object, BaseException, Exception)
# A chain that is longer, or that goes round in circles, is followed no further.
_LONGEST_CHAIN = 50
# Python takes seconds to print thousands of exceptions, in the thread that logs.
_MOST_PRINTED = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """An exception as texts, which keep no frame alive.

    :ivar kind: its class with the module, such as ``cinder.exception.VolumeBackendAPIException``;
        of an exception that came from another process, the class that it had there
    :ivar text: what it says, without the traceback of another process
    :ivar names: its class and those that it is derived from, with and without module
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The class without its module."""
        return self.kind.rpartition(".")[2]


def chain(exc: BaseException) -> list[BaseException]:
    """The exception and its causes, the one that it began with last."""
    found = [exc]
    while len(found) < _LONGEST_CHAIN:
        cause = _cause_of(found[-1])
        if cause is None or any(cause is known for known in found):
            break
        found.append(cause)
    return found


def root(exc: BaseException) -> Cause:
    """What an exception began with."""
    return describe(chain(exc)[-1])


def describe(exc: BaseException) -> Cause:
    """An exception as texts; an exception whose text cannot be made has none."""
    kind, text = _kind_and_text(exc)
    names = [kind, kind.rpartition(".")[2]]
    for base in type(exc).__mro__[1:]:
        if base not in _TOO_GENERAL:
            names.append(_kind_of(base))
            names.append(base.__qualname__)
    return Cause(kind, text.strip(), tuple(dict.fromkeys(names)))


def _kind_and_text(exc: BaseException) -> tuple[str, str]:
    """The class and the text that an exception had in the process that raised it."""
    kind = _kind_of(type(exc))
    text = text_of(exc)
    if kind == _REMOTE_ERROR:
        return _read_remote_error(exc, text)
    if kind.endswith(_REMOTE_SUFFIX):
        module = type(exc).__module__.removesuffix(_REMOTE_SUFFIX)
        name = type(exc).__qualname__.removesuffix(_REMOTE_SUFFIX)
        kind = f"{module}.{name}"
    # Also where an exception quotes one of another process.
    return kind, text.partition(_REMOTE_TRACE)[0]


def _kind_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")


def text_of(exc: BaseException) -> str:
    """What an exception says, or nothing when asking it fails."""
    try:
        return str(exc)
    except Exception:
        return ""


def trace(exc: BaseException) -> str:
    """The traceback as Python prints it, with all that led to it.

    Where that is too much to be printed in a moment, it is that of the causes that count.
    """
    if _is_small(exc):
        return "".join(traceback.format_exception(exc))
    return "\n".join(map(_trace_of_one, reversed(chain(exc))))


def _is_small(exc: BaseException) -> bool:
    """Whether not too many exceptions led to this one, or are in its group."""
    known: set[int] = set()
    waiting: list[BaseException | None] = [exc]
    while waiting and len(known) <= _MOST_PRINTED:
        led = waiting.pop()
        if led is None or id(led) in known:
            continue
        known.add(id(led))
        waiting += [led.__cause__, led.__context__]
        if isinstance(led, BaseExceptionGroup):
            waiting += led.exceptions[: _MOST_PRINTED + 1]
    return len(known) <= _MOST_PRINTED


def _trace_of_one(exc: BaseException) -> str:
    """The traceback of an exception without those that led to it."""
    frames = "".join(traceback.format_tb(exc.__traceback__))
    kind, text = _kind_of(type(exc)), text_of(exc)
    return f"Traceback (most recent call last):\n{frames}{kind}: {text}\n"


def _read_remote_error(exc: BaseException, text: str) -> tuple[str, str]:
    kind = getattr(exc, "exc_type", None)
    value = getattr(exc, "value", None)
    if isinstance(kind, str) and isinstance(value, str):
        return kind, value.partition(_REMOTE_TRACE)[0]
    return _REMOTE_ERROR, text.partition("\n")[0]


def _cause_of(exc: BaseException) -> BaseException | None:
    if exc.__cause__ is not None:
        return exc.__cause__
    context = exc.__context__
    if context is None or exc.__suppress_context__:
        return None
    if _was_translated(context, exc) or _quotes(exc, context):
        return context
    return None


def _was_translated(inner: BaseException, outer: BaseException) -> bool:
    """Whether the very function that caught one exception raised the other one."""
    if inner.__traceback__ is None or outer.__traceback__ is None:
        return False
    caught_in = inner.__traceback__.tb_frame
    return caught_in is _raised_in(outer.__traceback__)


def _raised_in(trace: TracebackType) -> FrameType:
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame


def _quotes(outer: BaseException, inner: BaseException) -> bool:
    quoted = text_of(inner)
    return len(quoted) >= _LEAST_QUOTE and quoted in text_of(outer)
