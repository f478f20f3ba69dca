# SPDX-License-Identifier: Apache-2.0
"""Responses that trip up a filter which rewrites them: none may become worse for it."""

import gzip
import hashlib
import io
import json
import sys
from wsgiref.util import FileWrapper

import pytest
import webob

from fault_middleware import fault
from fault_middleware.factories import FaultMiddleware
from fault_middleware.filter import HEADER
from tests.fixtures import INSTANCE, close, make_store, write_configuration

SHOW = f"/p1/instances/{INSTANCE}"
BODY = json.dumps({"instance": {"id": INSTANCE, "status": "ERROR"}}).encode()
JSON = ("Content-Type", "application/json")
TAG = f'"{hashlib.sha256(BODY).hexdigest()}"'


class Closing:
    """An iterable that counts its closings."""

    closed = 0

    def __init__(self, *chunks):
        self._chunks = iter(chunks)

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self._chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self):
        Closing.closed += 1


def simple(body=BODY, headers=(JSON,), status="200 OK", length=True):
    def application(environ, start_response):
        more = [("Content-Length", str(len(body)))] if length else []
        start_response(status, [*headers, *more])
        return (
            Closing(body) if environ["REQUEST_METHOD"] != "HEAD" else Closing()
        )

    return application


def chunks(*parts):
    def application(environ, start_response):
        start_response("200 OK", [JSON])
        return Closing(*parts)

    return application


def writes(environ, start_response):
    write = start_response("200 OK", [JSON])
    write(BODY[:10])
    write(BODY[10:])
    return Closing()


def starts_late(environ, start_response):
    def body():
        start_response("200 OK", [JSON])
        yield BODY[:5]
        yield BODY[5:]

    return body()


def raises_after_the_start(environ, start_response):
    start_response("200 OK", [JSON])
    raise RuntimeError("the application died")


def starts_again(environ, start_response):
    start_response("200 OK", [JSON])
    try:
        raise RuntimeError("x")
    except RuntimeError:
        start_response(
            "500 Oops",
            [("Content-Type", "text/plain")],
            exc_info=sys.exc_info(),
        )
    return Closing(b"error")


def wraps_a_file(environ, start_response):
    start_response("200 OK", [JSON])
    return environ["wsgi.file_wrapper"](io.BytesIO(BODY), 4)


def validates(environ, start_response):
    if environ.get("HTTP_IF_NONE_MATCH") == TAG:
        start_response("304 Not Modified", [("ETag", TAG)])
        return Closing()
    length = str(len(BODY))
    start_response(
        "200 OK",
        [
            JSON,
            ("ETag", TAG),
            ("Content-MD5", "x"),
            ("Content-Length", length),
        ],
    )
    return Closing(BODY)


def cuts_out_a_range(environ, start_response):
    if environ.get("HTTP_RANGE"):
        about = ("Content-Range", f"bytes 0-9/{len(BODY)}")
        start_response(
            "206 Partial Content", [JSON, about, ("Content-Length", "10")]
        )
        return Closing(BODY[:10])
    return simple()(environ, start_response)


def compresses(environ, start_response):
    if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
        return simple()(environ, start_response)
    return simple(gzip.compress(BODY), (JSON, ("Content-Encoding", "gzip")))(
        environ, start_response
    )


def text(form):
    return simple((form % INSTANCE).encode())


# Names of a charset, and whether they name UTF-8, or a part of it.
CHARSETS = {
    "utf8": True,
    "UTF_8": True,
    "u8": True,
    "utf": True,
    "cp65001": True,
    "ascii": True,
    "646": True,
    "latin1": False,
    "utf-16": False,
    "utf-8-sig": True,
    "base64": False,
    "x" * 1000: False,
    "no such": False,
    "": False,
}
# Name, application, what is asked, and whether the fault is to be shown.
TRAPS = [
    ("plain", simple(), {}, True),
    ("no Content-Length", simple(length=False), {}, True),
    (
        "several chunks, empty ones too",
        chunks(b"", BODY[:5], b"", BODY[5:]),
        {},
        True,
    ),
    ("write()", writes, {}, True),
    ("start_response in the iteration", starts_late, {}, True),
    ("a file wrapper", wraps_a_file, {}, True),
    ("ETag", validates, {}, True),
    ("If-None-Match", validates, {"headers": {"If-None-Match": TAG}}, True),
    ("Range", cuts_out_a_range, {"headers": {"Range": "bytes=0-9"}}, True),
    (
        "gzip accepted",
        compresses,
        {"headers": {"Accept-Encoding": "gzip"}},
        True,
    ),
    (
        "id in capitals in the path",
        simple(),
        {"path": f"/p1/instances/{INSTANCE.upper()}"},
        True,
    ),
    ("double slash", simple(), {"path": f"/p1//instances/{INSTANCE}"}, True),
    (
        "big numbers",
        text(
            '{"instance": {"id": "%s", "a": 12345678901234567890123, "b": 1.10}}'
        ),
        {},
        True,
    ),
    (
        "a number beyond floats",
        text('{"instance": {"id": "%s", "c": 1e400}}'),
        {},
        True,
    ),
    ("white space around", text(' {"instance" : {"id": "%s"} } \n'), {}, True),
    (
        "a key twice in the instance",
        text('{"instance": {"id": "%s", "s": "A", "s": "B"}}'),
        {},
        True,
    ),
    (
        "gzip always",
        simple(gzip.compress(BODY), (JSON, ("Content-Encoding", "gzip"))),
        {},
        False,
    ),
    ("HEAD", simple(), {"method": "HEAD"}, False),
    ("POST", simple(), {"method": "POST"}, False),
    (
        "404",
        simple(b'{"itemNotFound": {}}', status="404 Not Found"),
        {},
        False,
    ),
    ("203", simple(status="203 Non-Authoritative Information"), {}, False),
    ("304", simple(b"", (), "304 Not Modified", length=False), {}, False),
    ("raises after the start", raises_after_the_start, {}, False),
    ("starts again with exc_info", starts_again, {}, False),
    ("dies in the middle", chunks(BODY[:10], RuntimeError("died")), {}, False),
    ("not UTF-8", simple(b'{"instance": {"id": "\xff"}}'), {}, False),
    ("byte order mark", simple(b"\xef\xbb\xbf" + BODY), {}, False),
    (
        "Latin-1",
        simple(
            BODY, (("Content-Type", "application/json; charset=iso-8859-1"),)
        ),
        {},
        False,
    ),
    *(
        (
            f"charset={name}",
            simple(
                BODY, (("Content-Type", f"application/json;charset={name}"),)
            ),
            {},
            is_shown,
        )
        for name, is_shown in CHARSETS.items()
    ),
    (
        "chunked by the application",
        simple(headers=(JSON, ("Transfer-Encoding", "chunked"))),
        {},
        True,
    ),
    (
        "a key twice outside",
        simple(BODY[:-1] + b', "instance": 1}'),
        {},
        False,
    ),
    ("NaN", text('{"instance": {"id": "%s", "x": NaN}}'), {}, False),
    ("a list", simple(b"[1]"), {}, False),
    ("the instance is a list", simple(b'{"instance": [1]}'), {}, False),
    ("null", simple(b"null"), {}, False),
    ("empty", simple(b""), {}, False),
    ("another instance", simple(b'{"instance": {"id": "other"}}'), {}, False),
    ("cut off", simple(BODY[:-3]), {}, False),
    ("5,000 deep", simple(b"[" * 5000 + b"]" * 5000), {}, False),
    (
        "5,000 deep inside",
        simple(b'{"instance":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        {},
        False,
    ),
    (
        "an endless number",
        text('{"instance": {"id": "%s", "n": ' + "9" * 5000 + "}}"),
        {},
        False,
    ),
    (
        "XML",
        simple(b"<a/>", (("Content-Type", "application/xml"),)),
        {},
        False,
    ),
    ("no Content-Type", simple(BODY, ()), {}, False),
    (
        "Content-Length too short",
        simple(BODY, (JSON, ("Content-Length", "5")), length=False),
        {},
        False,
    ),
    ("trailing slash", simple(), {"path": f"{SHOW}/"}, True),
    (".json", simple(), {"path": f"{SHOW}.json"}, True),
    ("a slash in the id", simple(), {"path": "/p1/instances/a%2Fb"}, False),
    (
        "a path that is not UTF-8",
        simple(),
        {"path": "/p1/instances/%ff"},
        False,
    ),
    ("a line feed in the path", simple(), {"path": f"{SHOW}%0a"}, True),
]


def serve(application, *, path=SHOW, method="GET", headers=None):
    """What a server makes of an application: its error, or status, headers and body."""
    environ = webob.Request.blank(
        path, method=method, headers=headers or {}
    ).environ
    environ["wsgi.file_wrapper"] = FileWrapper
    started, body = [], []
    Closing.closed = 0

    def start_response(status, headers, exc_info=None):
        if exc_info and body:
            raise exc_info[1]
        started[:] = [status, headers]
        return body.append

    try:
        iterable = application(environ, start_response)
        try:
            body.extend(iterable)
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
    except Exception as exc:
        return repr(exc), [], b""
    return started[0], started[1], b"".join(body)


@pytest.fixture(scope="module")
def conf_and_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traps")
    url = f"sqlite:///{folder}/faults.sqlite"
    store = make_store(url)
    store.record([fault.make("trove", INSTANCE, message="boom")])
    file = write_configuration(
        folder / "x.conf", url, consumer="external", credentials="headers"
    )
    yield file
    close(store)


@pytest.mark.parametrize(
    ("application", "asked", "is_shown"),
    [pytest.param(*trap[1:], id=trap[0]) for trap in TRAPS],
)
def test_a_trap_costs_nothing(conf_and_store, application, asked, is_shown):
    wrapped = FaultMiddleware(
        application, {"oslo_config_file": str(conf_and_store)}
    )

    alone = serve(application, **asked)
    closed_alone = Closing.closed
    status, headers, body = serve(wrapped, **asked)

    assert Closing.closed == closed_alone
    if not is_shown:
        # That faults were looked for is said of what is not an instance, too.
        others = [header for header in headers if header != HEADER]
        assert (status, others, body) == alone
        return
    names = {name.lower(): value for name, value in headers}
    shown = json.loads(
        body, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")
    )
    assert status == "200 OK"
    assert shown["instance"]["fault"]["message"] == "boom"
    assert names["content-length"] == str(len(body))
    gone = {
        "etag",
        "content-md5",
        "content-encoding",
        "content-range",
        "transfer-encoding",
    }
    assert not gone & set(names)
