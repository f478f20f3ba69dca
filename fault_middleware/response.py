# SPDX-License-Identifier: Apache-2.0
"""An application's response, held until it is clear whether a fault belongs in it.

Everything that WSGI (PEP 3333) requires of middleware is handled here: a ``start_response`` that
comes late or twice, ``write()``, ``exc_info``, an iterable that the server must get back as it
was, ``close()`` exactly once.
"""

import codecs
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]

#: The largest body that is held, in bytes; a larger one streams on as it came.
LIMIT = 2 * 1024 * 1024

# Headers that describe the original body.
_ABOUT_THE_BYTES = frozenset(
    [
        "accept-ranges",
        "content-digest",
        "content-length",
        "content-md5",
        "digest",
        "etag",
        "last-modified",
        "repr-digest",
        "transfer-encoding",
    ]
)
# What says where a body ends, and the statuses of answers that have no body.
_LENGTHS = frozenset(["content-length", "transfer-encoding"])
_WITHOUT_BODY = ("1", "204", "304")
# With one of these the application might answer with something other than the whole body as it is,
# or with nothing, because the client already has it, without the fault.
_CONDITIONS = (
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
)
# A byte order mark is not JSON, and such a body stays as it is, but one may be announced.
_CODECS = frozenset(["utf-8", "utf-8-sig", "ascii"])


def shows(status: str, headers: Headers) -> bool:
    """Whether an answer may show an instance: a 200 with a plain JSON body of limited size."""
    return status.startswith("200") and _is_plain_json(headers)


class Response:
    """One answer: held whole, if it is one to hold and its body has a limited size, or passed on.

    First comes :meth:`call`. If the answer is held then, :meth:`replace` and :meth:`add` may
    change it, and exactly one of :meth:`finish`, :meth:`discard` and :meth:`abandon` ends it.

    :param holds: whether an answer is one to hold, by its status and its headers
    :ivar is_held: after :meth:`call`: whether nothing went out yet, so that :meth:`finish` is to
        send the response
    :ivar passed_on: where it is not held: the response as it came, for the server
    """

    def __init__(
        self,
        start_response: StartResponse,
        holds: Callable[[str, Headers], bool] = shows,
    ) -> None:
        self.is_held = False
        self.passed_on: Iterable[bytes] = ()
        self._start_response = start_response
        self._holds = holds
        # The application's arguments of start_response.
        self._start: tuple[Any, ...] = ()
        self._write: Callable[[bytes], object] | None = None
        self._released = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._iterable: Iterable[bytes] = ()

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)

    @property
    def status(self) -> str:
        """The status of what is held, such as ``200 OK``."""
        status: str = self._start[0]
        return status

    @property
    def shows(self) -> bool:
        """Whether what is held may show an instance."""
        status, headers, *_ = self._start
        return shows(status, headers)

    def call(
        self, application: WSGIApplication, environ: WSGIEnvironment
    ) -> None:
        """Call the application, and hold its response if it is one to hold.

        Returns nothing: ``is_held`` says which it is.
        """
        conditions = {}
        for key in _CONDITIONS:
            if key in environ:
                conditions[key] = environ.pop(key)
        try:
            self.call_as_is(application, environ)
        finally:
            environ.update(conditions)

    def call_as_is(
        self, application: WSGIApplication, environ: WSGIEnvironment
    ) -> None:
        """Like :meth:`call`, with the client's conditions, so that a 304 or 206 is possible."""
        self._iterable = application(environ, self._on_start)
        if self._released:
            self.passed_on = self._iterable
        else:
            self._hold()

    def replace(self, body: bytes, status: str | None = None) -> None:
        """Give what is held another body, and perhaps another status."""
        old_status, headers, *exc_info = self._start
        kept = [
            header
            for header in headers
            if header[0].lower() not in _ABOUT_THE_BYTES
        ]
        kept.append(("Content-Length", str(len(body))))
        self._start = (status or old_status, kept, *exc_info)
        self._chunks = [body]

    def add(self, header: tuple[str, str]) -> None:
        """Give what is held one more header."""
        status, headers, *exc_info = self._start
        self._start = (status, [*headers, header], *exc_info)

    def discard(self) -> None:
        """Send nothing of it, because the caller sends another answer in its place."""
        self._released = True
        self.abandon()

    def finish(
        self, start_response: StartResponse | None = None
    ) -> Iterable[bytes]:
        """Send what is held.

        :param start_response: what to call; default, as the response was made
        """
        start = start_response or self._start_response
        status, headers, *exc_info = self._start
        if not _has_length(status, headers):
            # The server can tell the length of the application's list, and not of this iterator.
            size = sum(map(len, self._chunks))
            headers = [*headers, ("Content-Length", str(size))]
        self._released = True
        answer = _Closing(iter(self._chunks), self._iterable)
        try:
            self._write = start(status, headers, *exc_info)
        except BaseException:
            answer.close()
            raise
        return answer

    def abandon(self) -> None:
        """Send nothing of it, because the request ended with an exception."""
        unused = _Closing(iter(()), self._iterable)
        # It is closed once, also when the exception of its own iterable ends the request.
        self._iterable = ()
        unused.close()

    def _hold(self) -> None:
        """Buffer the body while it may still be ours; pass it on when it cannot be."""
        written = bool(self._chunks)
        try:
            chunks = iter(self._iterable)
            for chunk in chunks:
                self._chunks.append(chunk)
                self._size += len(chunk)
                if self._released or self._size > LIMIT or not self._start:
                    break
            else:
                if self._start and not self._released and self._is_whole():
                    self.is_held = True
                    return
        except BaseException:
            self.abandon()
            raise
        begun = self._chunks
        self._chunks = []
        self._release()
        self.passed_on = _Closing(
            itertools.chain(begun, chunks), self._iterable
        )
        if not written:
            self._keep_list()

    def _keep_list(self) -> None:
        """Pass on a list as it is: the server counts what is in it, and can begin it again."""
        if isinstance(self._iterable, list | tuple):
            self.passed_on = self._iterable

    def _is_whole(self) -> bool:
        """Whether the body matches Content-Length, if one was sent."""
        for name, value in self._start[1]:
            if name.lower() == "content-length" and value != str(self._size):
                return False
        return True

    def _on_start(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """The ``start_response`` that the application is given."""
        start = (status, headers, exc_info) if exc_info else (status, headers)
        if self._start and (not exc_info or self._size):
            # The server is to judge: it refuses a second call, and raises exc_info where a part of
            # the body has gone out.
            self._flush()
        if self._released:
            return self._start_response(*start)
        self._start = start
        if not self._holds(status, headers):
            self._release()
        return self._on_write

    def _on_write(self, data: bytes) -> None:
        """The ``write`` that the application is given."""
        if not self._released:
            self._chunks.append(data)
            self._size += len(data)
            if self._size > LIMIT:
                self._flush()
        elif self._write is not None:
            self._write(data)

    def _flush(self) -> None:
        """Hand on what is held, while the application is still at work."""
        self._release()
        held = self._chunks
        self._chunks = []
        for chunk in held:
            self._on_write(chunk)

    def _release(self) -> None:
        """Start the answer as the application did, once; it is not ours."""
        if not self._released:
            self._released = True
            if self._start:
                self._write = self._start_response(*self._start)


class _Closing:
    """An iterator that closes the application's iterable when the server says so."""

    def __init__(
        self, chunks: Iterator[bytes], iterable: Iterable[bytes]
    ) -> None:
        self._chunks = chunks
        self._iterable = iterable

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        getattr(self._iterable, "close", lambda: None)()


def _has_length(status: str, headers: Headers) -> bool:
    """Whether an answer says where its body ends, or has none."""
    if status.startswith(_WITHOUT_BODY):
        return True
    for name, _ in headers:
        if name.lower() in _LENGTHS:
            return True
    return False


def _is_plain_json(headers: Headers) -> bool:
    """Whether a body is a whole JSON body, in UTF-8 and of limited size."""
    values = {name.lower(): value for name, value in headers}
    content_type = "".join(values.get("content-type", "").lower().split())
    kind, *parameters = content_type.replace('"', "").split(";")
    if kind != "application/json" and not kind.endswith("+json"):
        return False
    if not all(_is_utf8(parameter) for parameter in parameters):
        return False
    if values.get("content-encoding", "identity").lower() != "identity":
        return False
    length = values.get("content-length", "0")
    # Python reads no more than 4,300 digits.
    return length.isdecimal() and len(length) < 20 and int(length) <= LIMIT


def _is_utf8(parameter: str) -> bool:
    """Whether a parameter of a content type lets the body be UTF-8, by whatever name."""
    name, _, value = parameter.partition("=")
    if name != "charset":
        return True
    try:
        return codecs.lookup(value).name in _CODECS
    except (LookupError, ValueError):
        return False
