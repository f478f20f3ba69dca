# SPDX-License-Identifier: Apache-2.0
import io
import sys
from wsgiref.handlers import SimpleHandler

import pytest

from fault_middleware import response
from fault_middleware.response import Response

JSON = ("Content-Type", "application/json")


class Server:
    """What a WSGI server does with an application, written down."""

    def __init__(self):
        self.started = []
        self.written = b""

    def start_response(self, status, headers, exc_info=None):
        if exc_info and self.written:
            raise exc_info[1]
        if self.started and not exc_info:
            raise AssertionError("start_response was called twice")
        self.started.append((status, headers))
        return self.write

    def write(self, data):
        self.written += data

    def serve(self, application, new=None, environ=None):
        """Answer with what ``Response`` makes of the application's answer.

        Returns what was held, or None.
        """
        held = Response(self.start_response)
        held.call(application, environ if environ is not None else {})
        body = None
        iterable = held.passed_on
        if held.is_held:
            body = held.body
            if new is not None:
                held.replace(new)
            iterable = held.finish()
        try:
            for chunk in iterable:
                self.write(chunk)
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
        return body


class Chunks:
    """An iterable that counts its closings."""

    def __init__(self, *chunks):
        self._chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self._chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self):
        self.closed += 1


def answer(*chunks, status="200 OK", headers=(JSON,)):
    iterable = Chunks(*chunks)

    def application(environ, start_response):
        start_response(status, list(headers))
        return iterable

    return application, iterable


@pytest.fixture
def server():
    return Server()


def test_a_json_answer_is_held_whole(server):
    application, chunks = answer(b'{"a"', b"", b": 1}")

    assert server.serve(application) == b'{"a": 1}'
    assert server.written == b'{"a": 1}'
    assert server.started == [("200 OK", [JSON, ("Content-Length", "8")])]
    assert chunks.closed == 1


def served(application):
    """The headers and the body that a client gets from the server of the standard library."""
    out = io.BytesIO()
    environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1"}
    handler = SimpleHandler(io.BytesIO(), out, io.StringIO(), environ)
    handler.http_version = "1.1"
    handler.run(application)
    head, _, body = out.getvalue().partition(b"\r\n\r\n")
    return head.decode().lower().split("\r\n"), body


def through(application):
    """The application, each of its answers held and sent on as it is."""

    def filtered(environ, start_response):
        held = Response(start_response)
        held.call(application, environ)
        return held.finish() if held.is_held else held.passed_on

    return filtered


@pytest.mark.parametrize("size", [1, 2000, response.LIMIT + 1])
def test_a_list_without_a_length_keeps_the_one_that_the_server_gives_it(size):
    def application(environ, start_response):
        start_response("200 OK", [JSON])
        return [b"x" * size]

    headers, body = served(through(application))

    assert headers.count(f"content-length: {size}") == 1
    assert len(body) == size
    assert served(application)[1] == body


@pytest.mark.parametrize(
    "headers", [[("Content-Length", "4")], [("Transfer-Encoding", "chunked")]]
)
def test_what_tells_its_end_is_not_told_it_twice(server, headers):
    application, _ = answer(b"[{}]", headers=[JSON, *headers])

    server.serve(application)

    assert server.started == [("200 OK", [JSON, *headers])]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_has_no_length(server, status):
    held = Response(server.start_response, lambda *_: True)
    held.call(answer(status=status, headers=[])[0], {})

    held.finish()

    assert server.started == [(status, [])]


def test_a_new_body_takes_with_it_what_spoke_of_the_old_one(server):
    about = [
        "ETag",
        "content-md5",
        "Content-Length",
        "Last-Modified",
        "Accept-Ranges",
    ]
    about.append("Transfer-Encoding")
    # Who may keep the answer the service says.
    kept = [JSON, ("Cache-Control", "private"), ("Vary", "X-Auth-Token")]
    application, _ = answer(
        b"{}", headers=[*((name, "2") for name in about), *kept]
    )

    server.serve(application, b'{"a": 1}')

    assert server.started == [("200 OK", [*kept, ("Content-Length", "8")])]
    assert server.written == b'{"a": 1}'


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("404 Not Found", [JSON]),
        ("206 Partial Content", [JSON]),
        ("304 Not Modified", []),
        ("200 OK", []),
        ("200 OK", [("Content-Type", "text/plain")]),
        ("200 OK", [("Content-Type", "application/json; charset=iso-8859-1")]),
        ("200 OK", [JSON, ("Content-Encoding", "gzip")]),
        ("200 OK", [JSON, ("Content-Length", str(response.LIMIT + 1))]),
        ("200 OK", [JSON, ("Content-Length", "nonsense")]),
        ("200 OK", [JSON, ("Content-Length", "9" * 5000)]),
    ],
)
def test_another_answer_is_handed_on_as_the_very_same_object(
    server, status, headers
):
    application, chunks = answer(b"x", status=status, headers=headers)
    held = Response(server.start_response)

    held.call(application, {})

    assert held.passed_on is chunks
    assert server.started == [(status, headers)]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/vnd.openstack.trove+json;version=1.0",
        'application/json; charset="utf-8"',
        "application/json; charset=utf-8-sig",
    ],
)
def test_json_has_several_names(server, kind):
    application, _ = answer(b"{}", headers=[("Content-Type", kind)])

    assert server.serve(application) == b"{}"


def test_a_large_body_streams_on(server):
    chunk = b"x" * (response.LIMIT // 2 + 1)
    application, chunks = answer(chunk, chunk, chunk)

    assert server.serve(application) is None
    assert len(server.written) == 3 * len(chunk)
    assert chunks.closed == 1


def test_an_application_may_start_late(server):
    def application(environ, start_response):
        start_response("200 OK", [JSON])
        yield b"{}"

    assert server.serve(application) == b"{}"


def test_a_late_start_that_is_not_ours_streams_on(server):
    def application(environ, start_response):
        start_response("404 Not Found", [JSON])
        yield b"{"
        yield b"}"

    assert server.serve(application) is None
    assert (server.started, server.written) == (
        [("404 Not Found", [JSON])],
        b"{}",
    )


def test_an_application_may_write(server):
    def application(environ, start_response):
        write = start_response("200 OK", [JSON])
        write(b'{"a"')
        write(b": ")
        return [b"1}"]

    assert server.serve(application) == b'{"a": 1}'
    assert server.written == b'{"a": 1}'


def test_a_large_body_may_be_written_too(server):
    def application(environ, start_response):
        write = start_response("200 OK", [JSON])
        for _ in range(3):
            write(b"x" * (response.LIMIT // 2 + 1))
        return [b"end"]

    assert server.serve(application) is None
    assert server.written == b"x" * 3 * (response.LIMIT // 2 + 1) + b"end"


def test_writing_what_is_not_ours_reaches_the_server(server):
    def application(environ, start_response):
        start_response("404 Not Found", [JSON])(b"gone")
        return []

    server.serve(application)

    assert server.written == b"gone"


def test_an_error_before_the_body_replaces_the_start(server):
    def application(environ, start_response):
        start_response("200 OK", [JSON])
        try:
            raise RuntimeError("x")
        except RuntimeError:
            start_response("500 Oops", [], sys.exc_info())
        return [b"error"]

    assert server.serve(application) is None
    assert (server.started, server.written) == ([("500 Oops", [])], b"error")


def test_an_error_behind_a_part_of_the_body_is_the_servers_to_judge(server):
    def application(environ, start_response):
        start_response("200 OK", [JSON])
        yield b"{"
        try:
            raise RuntimeError("died in the middle")
        except RuntimeError:
            start_response("500 Oops", [], sys.exc_info())
        yield b"never"

    with pytest.raises(RuntimeError, match="died in the middle"):
        server.serve(application)
    assert server.written == b"{"


def test_a_second_start_is_refused_as_ever(server):
    def application(environ, start_response):
        start_response("200 OK", [JSON])
        start_response("200 OK", [JSON])
        return []

    with pytest.raises(AssertionError, match="twice"):
        server.serve(application)


def test_an_application_that_never_starts_is_the_servers_to_judge(server):
    assert server.serve(lambda environ, start_response: [b"x"]) is None
    assert server.started == []


def test_an_application_that_dies_is_closed_and_its_error_goes_on(server):
    application, chunks = answer(b"{", RuntimeError("died"))

    with pytest.raises(RuntimeError, match="died"):
        server.serve(application)
    assert chunks.closed == 1


def test_the_application_is_asked_for_the_whole_body_as_it_is(server):
    conditions = {
        "HTTP_IF_NONE_MATCH": '"x"',
        "HTTP_RANGE": "bytes=0-9",
        "HTTP_ACCEPT_ENCODING": "gzip",
    }
    environ = {"HTTP_ACCEPT": "*/*", **conditions}
    seen = {}

    def application(environ, start_response):
        seen.update(environ)
        environ["trove.context"] = "set by the application"
        start_response("200 OK", [JSON])
        return [b"{}"]

    server.serve(application, environ=environ)

    assert seen == {"HTTP_ACCEPT": "*/*"}
    assert environ == {
        "HTTP_ACCEPT": "*/*",
        "trove.context": "set by the application",
        **conditions,
    }
