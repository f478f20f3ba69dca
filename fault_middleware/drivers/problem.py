# SPDX-License-Identifier: Apache-2.0
"""Problems: errors as RFC 9457 and ETSI GS NFV-SOL 013 v2.6.1, table 6.3-1, describe them.

A management driver raises a :class:`ManagementDriverException`; Tacker keeps a text of it, in
which :func:`lift` finds the whole problem.  Imports the standard library only: drivers need it.
"""

import ast
import contextlib
import dataclasses
import json
import pickle
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Self

ABOUT_BLANK = "about:blank"  #: the type of a problem that names none
_MEMBERS = ("type", "title", "status", "detail", "instance")
_NOT_JSON = (ValueError, TypeError, RecursionError, MemoryError)
# RFC 3986, appendix A: brackets only around an IP address, no colon where no scheme can be.
_CHAR = r"(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-F]{2})"
_URI_REFERENCE = re.compile(
    rf"(?:[A-Z][A-Z0-9+.-]*:|(?![^/?#]*:))(?://(?:[^/?#@\[\]]*@)?\[[0-9A-FV:.]+\](?=[:/?#]|$))?"
    rf"{_CHAR}*+(?:\?(?:{_CHAR}|\?)*+)?(?:\#(?:{_CHAR}|\?)*+)?",
    re.ASCII | re.IGNORECASE,
)
# What Tacker makes of a script's stderr: the repr() of bytes, and nothing but that one token.
_STDERR = re.compile(
    r"\w+ failed: (b(['\"])(?:(?!\2)[ -\[\]-~]|\\[\\'tnr]|\\x[\da-f]{2})*+\2)"
)
# What v1 makes of its own error when the operation is given up or cancelled: a repr() of sorts.
_GIVEN_UP = re.compile(
    r"ProblemDetails\([^']*detail='(\{.*\})',status=\d+,title='[^']*',updated_at=[^']*\)",
    re.DOTALL,
)


class ProblemError(ValueError):
    """Not a valid ProblemDetails; the message names the attribute and its value."""


@dataclasses.dataclass(frozen=True)
class ProblemDetails:
    """A problem; its ``str()`` is its JSON: a line of ASCII, to pass through any encoding.

    Lone surrogates stay, pairs become the character. Floats are doubles, tuples become lists.

    :ivar status: HTTP status code, 100 to 599; ``detail``: what happened this time, for people
    :ivar type: URI reference (RFC 3986) of the kind; any but the default needs a ``title``
    :ivar instance: URI reference of this occurrence
    :ivar additional: other JSON values, by names that should be three or more letters, digits and
        underscores (RFC 9457 section 3.2); ProblemError tells, as for all, what cannot be
    """

    status: int
    detail: str
    type: str = ABOUT_BLANK
    title: str | None = None
    instance: str | None = None
    additional: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.status, int) or not 100 <= self.status <= 599:
            raise _wrong(
                "status", self.status, "not an HTTP status code (100 to 599)"
            )
        _check_text("detail", self.detail)
        _check_text("type", self.type)
        _check_uri_reference("type", self.type)
        if self.title is not None:
            _check_text("title", self.title)
        elif self.type != ABOUT_BLANK:
            raise _wrong(
                "title", None, f"required with the type {self.type[:100]}"
            )
        if self.instance is not None:
            _check_text("instance", self.instance)
            _check_uri_reference("instance", self.instance)
        for name in _MEMBERS:
            object.__setattr__(self, name, _as_json(name, getattr(self, name)))
        object.__setattr__(
            self, "additional", _read_additional(self.additional)
        )

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read an object or its text; raises ProblemError where it is not a valid problem."""
        with contextlib.suppress(*_NOT_JSON):
            data = json.loads(data) if isinstance(data, str | bytes) else data
        if not isinstance(data, Mapping):
            raise _wrong("problem", data, "not a JSON object")
        members: Any = {"status": None, "detail": None}
        members |= {name: data[name] for name in _MEMBERS if name in data}
        return cls(
            **members,
            additional={k: v for k, v in data.items() if k not in _MEMBERS},
        )

    @classmethod
    def from_exception(cls, exc: BaseException) -> "ProblemDetails":
        """A ManagementDriverException's own; else its text, and the root of its chain (cause)."""
        if isinstance(exc, ManagementDriverException):
            return exc.problem
        root = last = traceback.TracebackException.from_exception(
            exc, compact=True
        )
        while earlier := root.__cause__ or root.__context__:
            root = earlier
        cause = "".join(root.format_exception_only()).strip()
        return cls(
            500, str(last), additional={} if root is last else {"cause": cause}
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, without what is absent; ``about:blank`` says the same as no type."""
        absent = {"type": ABOUT_BLANK, "title": None, "instance": None}.items()
        members = {name: getattr(self, name) for name in _MEMBERS}.items()
        return {
            **dict(member for member in members if member not in absent),
            **self.additional,
        }

    def __str__(self) -> str:
        return json.dumps(self.to_dict())


class ManagementDriverException(Exception):
    """An error of a management driver.  A kind of its own is two lines::

        class LicenceExpired(ManagementDriverException):
            type, title, status = "https://example.com/licence", "Licence expired", 403
        raise LicenceExpired(detail="none since May", vdu="VDU1")

    Parameters are those of ProblemDetails, which is ``problem``; they and additional ones are
    attributes. A text alone is the detail. ``str()`` is the problem, as Tacker v1 keeps only that.
    """

    type: str | None = None
    title: str | None = None
    status: int = 500

    def __init__(
        self,
        /,
        status: Any = None,
        detail: Any = None,
        *,
        type: str | None = None,
        title: str | None = None,
        instance: str | None = None,
        **additional: Any,
    ) -> None:
        if detail is None and isinstance(status, str):
            status, detail = None, status
        if status is None:
            status = self.status
        if title is None:
            title = self.title
        uri = type
        if uri is None:
            uri = self.type or ABOUT_BLANK
        self.problem = ProblemDetails(
            status, detail, uri, title, instance, additional
        )
        own = {**vars(self.problem), "problem": self.problem}
        vars(self).update(
            {k: v for k, v in additional.items() if not hasattr(Exception, k)}
            | own
        )
        super().__init__(detail)

    def __str__(self) -> str:
        return str(self.problem)

    def __reduce__(
        self,
    ) -> tuple[Any, ...]:  # past __init__, which subclasses may change
        return type(self).__new__, (type(self), *self.args), vars(self)


@contextlib.contextmanager
def driver_script() -> Iterator[None]:
    """Around a v2 management driver script: ``with driver_script(): ...``; in v1 just raise.

    An exception becomes Tacker's ``user_script_err_handling_data`` on stdout, where nothing else
    may be, under ``problem`` (Tacker merges all attempts'); its detail on stderr; and status 1.
    """
    try:
        yield
    except Exception as exc:
        problem = ProblemDetails.from_exception(exc)
        data = {
            "user_script_err_handling_data": {"problem": problem.to_dict()}
        }
        sys.stdout.buffer.write(pickle.dumps(data))
        sys.stderr.buffer.write(
            problem.detail.encode("utf-8", "backslashreplace") + b"\n"
        )
        sys.exit(1)


def lift(error: Mapping[str, Any]) -> ProblemDetails | None:
    """The whole problem in the ``error`` of a Tacker operation, or None; linear, never raises.

    It may be ``detail`` (v1; in a repr() once the operation is given up), in the last 20 lines of
    a script's stderr there (v2), or, if a script failed and it is not left from an earlier
    attempt, in ``userScriptErrHandlingData``.
    """
    candidates = [detail := error.get("detail")]
    text = detail if isinstance(detail, str) else ""
    if given_up := _GIVEN_UP.fullmatch(text):
        candidates = [given_up[1]]
    if script := _STDERR.fullmatch(text):
        data = error.get("userScriptErrHandlingData")
        lines = (
            ast.literal_eval(script[1]).decode("utf-8", "replace").splitlines()
        )
        texts = [
            line[max(line.find("{"), 0) :] for line in lines[:-21:-1]
        ]  # behind a class
        candidates = [
            data,
            data.get("problem") if isinstance(data, Mapping) else None,
            *texts,
        ]
    for candidate in candidates:
        with contextlib.suppress(ProblemError):
            return ProblemDetails.from_json(candidate)
    return None


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _wrong(name, value, "not a text")


def _check_uri_reference(name: str, value: str) -> None:
    if not _URI_REFERENCE.fullmatch(value):
        raise _wrong(name, value, "not a URI reference")


def _read_additional(given: Mapping[str, Any]) -> dict[str, Any]:
    """Additional attributes as whoever reads their JSON text has them."""
    additional = {}
    for name, value in given.items():
        if not isinstance(name, str) or name in _MEMBERS:
            raise _wrong(
                str(name), value, "not a name for an additional attribute"
            )
        additional[_as_json(name, name)] = _as_json(name, value)
    return additional


def _as_json(name: str, value: Any) -> Any:
    """The value as whoever reads its JSON text has it."""
    with contextlib.suppress(*_NOT_JSON):
        read = json.loads(text := json.dumps(value, allow_nan=False))
        if json.dumps(read) == text:
            return read
    raise _wrong(name, value, "not a JSON value")


def _wrong(name: str, value: Any, what: str) -> ProblemError:
    shown = type(value).__name__
    with contextlib.suppress(Exception):  # of repr()
        shown = repr(value[:100] if isinstance(value, str) else value)[:100]
    return ProblemError(f"{name[:100]}: {what}: {shown}")
