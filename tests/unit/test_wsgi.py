# SPDX-License-Identifier: Apache-2.0
"""The filter among strangers: made-up applications, huge bodies, errors of our own."""

import inspect
import json
import sys
import tracemalloc
from wsgiref import validate

import pytest
import webob
import webtest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fault_middleware import (
    body,
    credentials,
    fault,
    filter,
    hiding,
    instances,
    masking,
    policy,
    presentation,
    profile,
    route,
    rules,
    store,
)
from fault_middleware.factories import FaultMiddleware
from tests.fixtures import (
    INSTANCE,
    Service,
    close,
    make_store,
    write_configuration,
)

SHOW = f"/p1/instances/{INSTANCE}"
LIST = "/p1/instances/detail"
ADMIN = {"X-Roles": "admin"}
MEMBER = {"X-Roles": "member"}
OWN = {
    "message": "own",
    "created": "2026-01-01T00:00:00",
    "details": "own details",
}


@pytest.fixture(scope="module")
def conf(tmp_path_factory):
    """A configuration with a fault in its table."""
    folder = tmp_path_factory.mktemp("wsgi")
    url = f"sqlite:///{folder}/faults.sqlite"
    made = make_store(url)
    made.record([fault.make("trove", INSTANCE, message="boom")])
    file = write_configuration(
        folder / "x.conf", url, consumer="external", credentials="headers"
    )
    yield {"oslo_config_file": str(file)}
    close(made)


BODIES = st.one_of(
    st.just(json.dumps({"instance": {"id": INSTANCE}}).encode()),
    st.just(
        json.dumps({"instances": [{"id": INSTANCE}, {"id": "x"}]}).encode()
    ),
    st.binary(max_size=50),
    st.text(max_size=50).map(
        lambda text: json.dumps({"instance": text}).encode()
    ),
)
HEADERS = st.lists(
    st.sampled_from(
        [
            ("ETag", '"x"'),
            ("Content-Encoding", "identity"),
            ("Cache-Control", "no-cache"),
            ("X-Request-Id", "req-1"),
        ]
    ),
    unique=True,
)


@st.composite
def applications(draw):
    """An application within the rules of WSGI, in one of the ways that these allow."""
    status = draw(
        st.sampled_from(["200 OK", "201 Created", "404 Not Found", "500 Oops"])
    )
    data = draw(BODIES)
    kind = draw(
        st.sampled_from(
            [
                "application/json",
                "text/plain",
                "application/json; charset=utf-8",
            ]
        )
    )
    headers = [("Content-Type", kind), *draw(HEADERS)]
    if draw(st.booleans()):
        headers.append(("Content-Length", str(len(data))))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    parts = [
        data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)
    ]
    way = draw(st.sampled_from(["list", "generator", "late", "write"]))

    def application(environ, start_response):
        if way == "late":

            def late():
                start_response(status, headers)
                yield from parts

            return late()
        write = start_response(status, headers)
        if way == "write":
            for part in parts:
                write(part)
            return [b""]
        return parts if way == "list" else (part for part in parts)

    return application


def serve(application, path, headers):
    """Status and body, as a server that looks closely gets them."""
    environ = webob.Request.blank(path, headers=headers).environ
    started, written = [], []

    def start_response(status, headers, exc_info=None):
        started.append(status)
        return written.append

    iterable = application(environ, start_response)
    written.extend(iterable)
    if hasattr(iterable, "close"):
        iterable.close()
    return started, b"".join(written)


@settings(
    max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(
    application=applications(),
    path=st.sampled_from([SHOW, LIST, "/p1/instances", "/"]),
)
def test_made_up_applications_stay_within_the_rules(conf, application, path):
    for check in (validate.validator, webtest.lint.middleware):
        wrapped = check(FaultMiddleware(check(application), conf))

        started, data = serve(wrapped, path, ADMIN)

        assert len(started) == 1
        if path in ("/p1/instances", "/"):
            assert (started, data) == serve(check(application), path, ADMIN)


def test_a_huge_body_streams_on_in_little_memory(conf):
    def huge(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        yield f'{{"instance": {{"id": "{INSTANCE}", "x": "'.encode()
        for _ in range(1600):
            yield bytes(65536)
        yield b'"}}'

    wrapped = FaultMiddleware(huge, conf)
    environ = webob.Request.blank(SHOW).environ
    tracemalloc.start()
    size = sum(map(len, wrapped(environ, lambda *start: None)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 100 * 1024 * 1024
    assert peak <= 5 * 1024 * 1024


def own_functions():
    """Every function of ours on the way of a request behind the application's answer."""
    modules = (
        *(
            body,
            credentials,
            fault,
            filter,
            hiding,
            instances,
            masking,
            policy,
            presentation,
        ),
        *(profile, route, rules, store),
    )
    for module in modules:
        for name, function in vars(module).items():
            if (
                inspect.isfunction(function)
                and function.__module__ == module.__name__
            ):
                yield module, name
            elif (
                inspect.isclass(function)
                and function.__module__ == module.__name__
            ):
                for method, value in vars(function).items():
                    if inspect.isfunction(value) and not method.startswith(
                        "__"
                    ):
                        yield function, method


@pytest.fixture(scope="module")
def called(conf):
    """Those that a show and a list with a fault of the service's own do call."""
    return functions_called(conf, ADMIN)


def functions_called(conf, headers):
    wrapped = webtest.TestApp(FaultMiddleware(Service(with_faults()), conf))
    codes = set()
    sys.setprofile(lambda frame, event, arg: codes.add(frame.f_code))
    wrapped.get(SHOW, headers=headers)
    wrapped.get(LIST, headers=headers)
    sys.setprofile(None)
    return [
        (owner, name)
        for owner, name in own_functions()
        if inspect.unwrap(getattr(owner, name)).__code__ in codes
    ]


def with_faults():
    """A body that has something of everything."""
    one = {"id": INSTANCE, "fault": OWN}
    return {
        "instance": one,
        "instances": [one, {"id": "x", "fault": OWN}, {"id": "y"}],
    }


def test_an_error_in_any_function_of_ours_leaves_the_response_as_it_is(
    conf, called, monkeypatch
):
    service = Service(with_faults())
    wrapped = webtest.TestApp(FaultMiddleware(service, conf))
    normal = {
        path: wrapped.get(path, headers=ADMIN).body for path in (SHOW, LIST)
    }
    assert b"boom" in normal[SHOW]
    assert len(called) > 25

    for owner, name in called:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, raise_injected)
            for path in (SHOW, LIST):
                answer = wrapped.get(path, headers=ADMIN)
                assert answer.status_int == 200
                if answer.body not in (service.data, normal[path]):
                    # Where only the look-up or the policy failed, the rest went on; what is
                    # shown without them shows no details.
                    shown = answer.json
                    for one in (
                        [shown["instance"]]
                        if path == SHOW
                        else shown["instances"]
                    ):
                        assert "details" not in one.get("fault", {})


def test_an_error_in_any_function_of_ours_shows_no_member_the_services_own_details(
    conf, monkeypatch
):
    service = Service(with_faults())
    wrapped = webtest.TestApp(FaultMiddleware(service, conf))
    called = functions_called(conf, MEMBER)
    with monkeypatch.context() as patched:
        # What is called then is what finds a fault in a body, and takes its details out.
        patched.setattr(filter.FaultFilter, "_complete", raise_injected)
        needed = functions_called(conf, MEMBER)
    others = [function for function in called if function not in needed]
    assert len(others) > 25

    for owner, name in others:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, raise_injected)
            one = wrapped.get(SHOW, headers=MEMBER).json["instance"]
            many = wrapped.get(LIST, headers=MEMBER).json["instances"]
        for instance in (one, *many[:2]):
            assert instance["fault"]["message"] in ("own", "boom")
            assert "details" not in instance["fault"]


def test_a_row_that_cannot_be_shown_hides_no_other_and_lets_no_details_out(
    tmp_path,
):
    url = f"sqlite:///{tmp_path}/faults.sqlite"
    made = make_store(url)
    made.record([fault.make("trove", INSTANCE, message="unreadable")])
    made.record([fault.make("trove", "y", message="boom")])
    with made.writer.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE instance_faults SET message = x'ff' WHERE instance_id != 'y'"
        )
    file = write_configuration(
        tmp_path / "x.conf", url, consumer="external", credentials="headers"
    )
    wrapped = webtest.TestApp(
        FaultMiddleware(
            Service(with_faults()), {"oslo_config_file": str(file)}
        )
    )

    answer = wrapped.get(LIST, headers=MEMBER)

    first, second, third = answer.json["instances"]
    without_details = {"message": "own", "created": OWN["created"]}
    assert first["fault"] == second["fault"] == without_details
    assert third["fault"]["message"] == "boom"
    assert filter.HEADER[0] not in answer.headers
    seen_by_admin = wrapped.get(LIST, headers=ADMIN).json["instances"]
    assert seen_by_admin[0]["fault"] == OWN
    close(made)


def test_what_is_no_error_is_not_swallowed(conf, monkeypatch):
    wrapped = FaultMiddleware(Service(), conf)
    monkeypatch.setattr(store.Store, "newest", raise_interrupt)

    with pytest.raises(KeyboardInterrupt):
        webtest.TestApp(wrapped).get(SHOW)


def test_what_ends_a_request_amid_our_work_closes_the_services_answer(
    conf, monkeypatch
):
    answers = []

    class Answer(list):
        closed = 0

        def close(self):
            self.closed += 1

    def application(environ, start_response):
        answers.append(Answer(Service()(environ, start_response)))
        return answers[-1]

    wrapped = FaultMiddleware(application, conf)
    monkeypatch.setattr(store.Store, "newest", raise_interrupt)

    with pytest.raises(KeyboardInterrupt):
        serve(wrapped, SHOW, MEMBER)

    assert [answer.closed for answer in answers] == [1]


def raise_injected(*args, **kwargs):
    raise RuntimeError("injected")


def raise_interrupt(*args, **kwargs):
    raise KeyboardInterrupt
