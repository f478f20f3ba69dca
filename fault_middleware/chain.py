# SPDX-License-Identifier: Apache-2.0
"""Why something failed: an exception, followed to the one that it began with.

Python remembers two kinds of predecessors.  A ``__cause__`` was named by whoever raised the
exception.  A ``__context__`` is only what was being handled at that moment: the true reason when a
handler translates one exception into another, and misleading when the handler tried something else
that failed as well.
"""

import dataclasses
import re
import traceback
from types import FrameType, TracebackType

# oslo.messaging makes the exception of another process anew: a class of this name, with the
# traceback of the other process behind its text.
_REMOTE_SUFFIX = "_Remote"
_REMOTE_TRACE = "\nTraceback (most recent call last)"
# What oslo.messaging writes where it may not make the exception anew.
_REMOTE_ERROR = "oslo_messaging.rpc.client.RemoteError"
# A shorter text may occur in another one by chance.
_LEAST_QUOTE = 8
# What every exception is.
_TOO_GENERAL = (object, BaseException, Exception)
# A chain that is longer, or that goes round in circles, is followed no further.
_LONGEST_CHAIN = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """An exception as texts, which keep no frame alive.

    :ivar kind: its class with the module, such as ``cinder.exception.VolumeBackendAPIException``;
        of an exception that came from another process, the class that it had there
    :ivar text: what it says, without the traceback of another process
    """

    kind: str
    text: str

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
    kind = f"{type(exc).__module__}.{type(exc).__qualname__}"
    text = text_of(exc)
    if kind == _REMOTE_ERROR:
        return _describe_remote_error(exc, text)
    if kind.endswith(_REMOTE_SUFFIX):
        module = type(exc).__module__.removesuffix(_REMOTE_SUFFIX)
        kind = f"{module}.{type(exc).__qualname__.removesuffix(_REMOTE_SUFFIX)}"
        text = text.partition(_REMOTE_TRACE)[0]
    return Cause(kind.removeprefix("builtins."), text.strip())


def class_names(exc: BaseException) -> tuple[str, ...]:
    """The names, with and without module, of an exception's class and those it is derived from.

    Of an exception that came from another process there is its own class only.
    """
    described = describe(exc)
    names = [described.kind, described.name]
    for base in type(exc).__mro__:
        if base not in _TOO_GENERAL:
            names.append(f"{base.__module__}.{base.__qualname__}")
            names.append(base.__qualname__)
    return tuple(dict.fromkeys(names))


def text_of(exc: BaseException) -> str:
    """What an exception says, or nothing when asking it fails."""
    try:
        return str(exc)
    except Exception:
        return ""


def trace(exc: BaseException) -> str:
    """The traceback as Python prints it, with all that led to it."""
    return "".join(traceback.format_exception(exc))


def _describe_remote_error(exc: BaseException, text: str) -> Cause:
    kind = getattr(exc, "exc_type", None)
    value = getattr(exc, "value", None)
    if isinstance(kind, str) and isinstance(value, str):
        return Cause(kind, value.partition(_REMOTE_TRACE)[0].strip())
    return Cause(_REMOTE_ERROR, re.sub(r"\n.*", "", text, flags=re.DOTALL))


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
