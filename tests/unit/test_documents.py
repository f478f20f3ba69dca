# SPDX-License-Identifier: Apache-2.0
"""The README and the manual say what is so."""

import ast
import json
import logging
import os
import pickle
import re
import runpy
import socket
import subprocess
import sys
import types
import uuid
from datetime import datetime

import oslo_messaging
import pytest
import sqlalchemy as sa
import webtest
from paste.deploy import loadapp

from fault_middleware import (
    ManagementDriverException,
    ProblemDetails,
    clock,
    event,
    fault,
    listener,
    log,
    profile,
)
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from fault_middleware.instances import ShownInstances
from fault_middleware.metrics import Metrics
from fault_middleware.policy import Policy, Visibility
from fault_middleware.store import CHUNK
from tests.documents import MANUAL, README, ROOT, blocks
from tests.fixtures import (
    DATA,
    INSTANCE,
    Service,
    close,
    make_store,
    parse,
    read_data,
    rows,
    wait_until,
    write_configuration,
)

ORDER = {"number": "A-7", "owner": "p1"}
SHOWS = read_data("tacker/shows.json")


@pytest.fixture(scope="module")
def orders():
    text, _ = blocks(MANUAL / "profiles.rst", "yaml")
    return profile.parse("profiles.rst", text)


def notification(event_type, priority, payload):
    return {"event_type": event_type, "priority": priority, "payload": payload}


def test_the_example_of_a_profile_records_and_clears(orders):
    (failed,) = orders.sources.extract(
        notification(
            "order.payment.failed",
            "ERROR",
            {
                "order_number": "A-7",
                "reason": "card refused",
                "trace": ["a\n", "b\n"],
            },
        )
    ).faults
    deleted = orders.sources.extract(
        notification("order.deleted", "info", {"order": ORDER})
    )
    delivered = orders.sources.extract(
        notification("order.delivered", "info", {"order": ORDER})
    )

    assert (failed.instance_id, failed.message, failed.details) == (
        "A-7",
        "card refused",
        "a\nb\n",
    )
    assert deleted.action == "clear"
    assert delivered.action == "success"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v2/orders/A-7", {"order": ORDER}),
        ("/v2/orders/detail", {"orders": [ORDER, ORDER]}),
    ],
)
def test_the_example_of_a_profile_shows(orders, path, shown):
    table = profile.RouteTable([orders])
    route = table.match({"PATH_INFO": path, "REQUEST_METHOD": "GET"}).route
    text = json.dumps(shown)
    row = fault.make(
        "orders",
        "A-7",
        message="sold out",
        created=clock.parse_time("2026-11-20T20:36:05"),
    )

    instances = ShownInstances(route, text.encode())
    visible = Visibility(show=True, details=False)
    for instance in instances:
        instances.splice(
            instance, route.form.render(instance.members, row, visible)
        )

    expected = {"created": "2026-11-20T20:36:05Z", "message": "sold out"}
    assert all(one.span.value == ORDER for one in instances)
    assert all(
        route.policy_target(one, None) == {"project_id": "p1"}
        for one in instances
    )
    new = list(route.instances(instances.encode().decode()))
    assert [instance.members["fault"] for instance in new] == [expected] * len(
        new
    )


def test_the_readme_and_the_manual_give_the_same_advice():
    manual = blocks(MANUAL / "install/trove.rst", "ini")

    assert blocks(README, "ini") == manual
    assert len(manual) == 3


@pytest.mark.parametrize(
    "page", [README, *sorted(MANUAL.rglob("*.rst"))], ids=str
)
def test_no_snippet_adds_a_topic_without_saying_that_it_has_a_reader(page):
    """A queue that nobody reads grows for ever."""
    for text in blocks(page, "ini"):
        topics = re.findall(r"(?m)^topics = (notifications,.*)$", text)
        assert not topics or "has a reader" in caption(page, text), topics


def caption(page, text):
    """The caption of a code block."""
    before = page.read_text().partition(text.splitlines()[-1])[0]
    return re.findall(r":caption: (.*)", before)[-1]


@pytest.mark.parametrize(
    "page", [README, *sorted(MANUAL.rglob("*.rst"))], ids=str
)
def test_no_snippet_changes_how_a_running_service_declares_its_queues(page):
    for text in blocks(page, "ini"):
        assert "[oslo_messaging_rabbit]" not in text


def test_the_page_of_each_service_has_a_topic_of_its_own():
    topics = {}
    for service in ("nova", "trove"):
        text = "".join(blocks(MANUAL / f"install/{service}.rst", "ini"))
        named = re.findall(r"^\w*topics = (?:.*,)?(\w+)$", text, re.MULTILINE)
        (topics[service],) = set(named)

    assert topics == {
        "nova": "fault_middleware_nova",
        "trove": "fault_middleware",
    }


def test_the_readme_has_exactly_two_commands_to_begin_with():
    demo, tests, *_ = blocks(README, "shell")

    assert demo.startswith("python3 -m venv ")
    assert demo.endswith("tox -q -e demo -- --once\n")
    assert tests.startswith("python3 -m venv ")
    assert tests.endswith("bin/tox\n")


def test_the_policy_of_the_manual_lets_owners_see_details(configure, tmp_path):
    text, _ = blocks(MANUAL / "security.rst", "yaml")
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    policy = Policy(configure(), str(file), "headers", Metrics())

    def details(roles, project_id):
        environ = {
            "REQUEST_METHOD": "GET",
            "HTTP_X_ROLES": roles,
            "HTTP_X_PROJECT_ID": project_id,
        }
        target = {"instance_id": "i", "service": "trove", "project_id": "p1"}
        return policy.viewer(environ).sees(target).details

    assert details("member", "p1")
    assert not details("member", "p2")
    assert details("admin", "p2")


def test_the_healthcheck_of_the_manual_reports(tmp_path, sqlite_url):
    conf = write_configuration(
        tmp_path / "x.conf", sqlite_url, consumer="external"
    )
    (text,) = [
        text
        for text in blocks(MANUAL / "reliability.rst", "none")
        if "app:healthcheck" in text
    ]
    ini = tmp_path / "api-paste.ini"
    ini.write_text(
        text.replace(
            "oslo_config_project = trove",
            f"oslo_config_project = x\noslo_config_file = {conf}",
        )
    )

    app = webtest.TestApp(loadapp(f"config:{ini}", name="healthcheck"))
    kinds = ("application/json", "text/html")
    answers = [app.get("/", headers={"Accept": kind}) for kind in kinds]

    assert answers[0].json == {"detailed": False, "reasons": ["OK", "OK"]}
    for told in (
        sys.version,
        "Traceback",
        "threading",
        str(tmp_path),
        socket.gethostname(),
    ):
        assert not [answer.text for answer in answers if told in answer.text]


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        ("True", [True]),
        ("False", [False]),
        ("1", [1]),
        ("1.0", [1.0]),
        ("ab", [["a", "b"]]),
        ("*", [True, 0, None, "", [], "a\n.b"]),
        ("?", ["a", "b", "c", "[", 1, 0]),
        ("[ab]", ["a", "b"]),
        ("[!ab]", ["c", "[", 1, 0]),
        ("[[]", ["["]),
        ("(a|b)", []),
        ("true", []),
        ("null", []),
        ("A", []),
    ],
)
def test_values_are_compared_as_the_manual_says(wanted, values):
    data = {
        "event_type": "a",
        "priority": "info",
        "ignore": {},
        "when": {"payload.x": wanted},
    }
    kind = event.build(data)
    every = [
        True,
        False,
        None,
        0,
        1,
        1.0,
        ["a", "b"],
        [],
        "",
        "a",
        "b",
        "c",
        "[",
        "a\n.b",
    ]

    found = [
        x for x in every if kind.matches(notification("a", "info", {"x": x}))
    ]

    if wanted == "*":
        assert found == every
    else:
        assert sorted(map(repr, found)) == sorted(map(repr, values))


@pytest.mark.parametrize("value", [True, None, 1, ["a"]])
def test_a_route_compares_texts_alone(deliveries, value):
    service, store, app = deliveries
    service.body = {"delivery": delivery(state=value)}
    store.record([fault.make("shop", "d-1", message="no van")])

    assert "error" not in app.get("/v2/deliveries/d-1").json["delivery"]


@pytest.mark.parametrize(
    ("value", "is_read"),
    [
        ('"x"', True),
        ("NaN", False),
        ("Infinity", False),
        ('"a\x01b"', False),
        ("1" * 4300, True),
        ("1" * 4301, False),
        ("[" * 500 + "]" * 500, True),
        ("[" * 100_000 + "]" * 100_000, False),
    ],
    ids=lambda value: str(value)[:9],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_is_not_quite_json_is_left_alone(
    deliveries, monkeypatch, value, is_read, mark
):
    *_, app = deliveries
    text = f'{mark}{{"delivery": {{"id": "d-1", "x": {value}, "error": {{"traceback": "t"}}}}}}'
    monkeypatch.setattr(Service, "data", text.encode())

    answer = app.get("/v2/deliveries/d-1")

    assert (answer.body != text.encode()) is (is_read and not mark)


def test_the_filter_of_the_manual_vouches_for_its_callers(
    tmp_path, sqlite_url
):
    (example,) = blocks(MANUAL / "policy.rst", "python")
    names = {}
    exec(example, names)
    conf = parse(
        write_configuration(
            tmp_path / "x.conf",
            sqlite_url,
            credentials="external_oauth2",
            consumer="external",
        )
    )
    store = make_store(sqlite_url)
    store.record([fault.make("trove", INSTANCE, message="m", details="d")])
    people = {
        "CN=ann": {"id": "u1", "project": "p1", "roles": ["member", "admin"]},
        "CN=bob": {"id": "u2", "project": "p1", "roles": ["member"]},
    }
    app = webtest.TestApp(
        names["Gatekeeper"](FaultMiddleware(Service(), conf), people)
    )

    def details(**environ):
        shown = app.get(
            f"/p1/instances/{INSTANCE}", extra_environ=environ
        ).json
        return "details" in shown["instance"]["fault"]

    assert details(SSL_CLIENT_S_DN="CN=ann")
    assert not details(SSL_CLIENT_S_DN="CN=bob")
    assert not details(
        HTTP_X_ROLES="admin", HTTP_X_IDENTITY_STATUS="Confirmed"
    )
    close(store)
    close(deploy(conf).store)


@pytest.fixture
def try_the_whole_way(tmp_path, sqlite_url):
    """Runs the manual's script beside a consumer, with a transport in memory."""
    script = runpy.run_path(str(ROOT / "etc/fault_middleware/try_trove.py"))
    # A process has one such transport, so consumers of other tests may read the usual topic.
    topic = f"t{uuid.uuid4().hex}"
    text = (
        "[DEFAULT]\ntransport_url = fake://\n[oslo_messaging_notifications]\n"
        f"driver = messagingv2\ntopics = {topic}\n"
    )
    file = write_configuration(
        tmp_path / "trove.conf", sqlite_url, text, topics=topic
    )
    store = make_store(sqlite_url)
    deployment = deploy(parse(file))
    deployment.consumer.ensure()
    yield lambda: script["main"](str(file), INSTANCE), store
    deployment.consumer.stop()
    close(deployment.store)
    close(store)


def test_the_script_of_the_manual_goes_the_whole_way(
    try_the_whole_way, capsys
):
    run, store = try_the_whole_way

    run()

    wait_until(
        lambda: [row["message"] for row in rows(store)] == ["This is a test."]
    )
    assert capsys.readouterr().out.startswith(
        "Published with messagingv2 to t"
    )


def test_the_script_of_the_manual_says_when_nothing_is_published(
    tmp_path, sqlite_url
):
    script = runpy.run_path(str(ROOT / "etc/fault_middleware/try_trove.py"))
    file = write_configuration(
        tmp_path / "trove.conf", sqlite_url, "[DEFAULT]\n"
    )

    with pytest.raises(SystemExit, match="sets no driver"):
        script["main"](str(file), INSTANCE)


def test_a_problem_and_its_exception_take_additional_attributes_as_the_manual_says():
    text = (MANUAL / "exceptions.rst").read_text()
    names = {
        "ProblemDetails": ProblemDetails,
        "ManagementDriverException": ManagementDriverException,
    }
    problem, raised = (
        eval(call, names)
        for call in re.findall(
            r"``((?:Prob|Man)\w+\(500, .*?\))``", text, re.DOTALL
        )
    )

    assert problem == raised.problem


@pytest.fixture
def deliveries(tmp_path, sqlite_url):
    """A service behind the filter with the second example of a profile, and the table."""
    _, text = blocks(MANUAL / "profiles.rst", "yaml")
    (tmp_path / "shop.yaml").write_text(text)
    conf = parse(
        write_configuration(
            tmp_path / "shop.conf",
            sqlite_url,
            profiles=f"{tmp_path}/shop.yaml",
            credentials="headers",
        )
    )
    store, service = make_store(sqlite_url), Service()
    yield service, store, webtest.TestApp(FaultMiddleware(service, conf))
    close(deploy(conf).store)
    close(store)


def delivery(**values):
    times = {
        "begun": "2026-11-20T20:00:00Z",
        "changed": "2026-11-20T20:10:00Z",
    }
    return {"id": "d-1", "order": "A-7", "state": "failed", **times, **values}


def order_failed(store, minute, owner="A-7"):
    moment = datetime(2026, 11, 20, 20, minute)
    store.record([fault.make("shop", owner, message="no van", created=moment)])


@pytest.mark.parametrize(
    ("values", "minute", "shown"),
    [
        ({}, 5, True),
        ({}, 11, False),
        ({"state": "retrying"}, 11, True),
        ({"state": "done"}, 5, False),
        ({"error": {"status": 500, "detail": "theirs"}}, 9, True),
        ({"error": {"status": 500, "detail": "theirs"}}, 8, False),
    ],
)
def test_the_second_example_of_a_profile_shows(
    deliveries, values, minute, shown
):
    service, store, app = deliveries
    service.body = {"delivery": delivery(**values)}
    order_failed(store, minute)

    error = app.get("/v2/deliveries/d-1").json["delivery"].get("error")

    assert (error == {"status": 500, "detail": "no van"}) is shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [("fields=error", True), ("fields=id,error", True), ("", False)],
)
def test_the_second_example_of_a_profile_lists(deliveries, query, shown):
    service, store, app = deliveries
    service.body = {"deliveries": [delivery()]}
    order_failed(store, 5, owner="d-1")

    (one,) = app.get(f"/v2/deliveries?{query}").json["deliveries"]

    assert ("error" in one) is shown


def test_the_manual_switches_the_log_handler_on_in_both_ways(
    tmp_path, sqlite_url
):
    _, alone, by_option, by_file = blocks(MANUAL / "recording.rst", "ini")
    text = f"[DEFAULT]\ntransport_url = fake://\n{alone}\n"
    file = write_configuration(
        tmp_path / "x.conf", sqlite_url, text, profiles="cinder"
    )
    file.write_text(f"{file.read_text()}{by_option}")
    transport = oslo_messaging.get_notification_transport(parse(file))
    oslo_messaging.Notifier(transport)
    attached = log.attached("cinder")
    for name in ("cinder", "oslo_messaging", "oslo_utils"):
        logging.getLogger(name).removeHandler(attached)

    named = tmp_path / "logging.conf"
    root = "[logger_root]\nhandlers = fault\n[handlers]\nkeys = fault\n"
    named.write_text(
        f"[loggers]\nkeys = root\n[formatters]\nkeys =\n{root}{by_file}"
    )
    command = (
        "import logging.config, sys; logging.config.fileConfig(sys.argv[1])\n"
    )
    command += "from fault_middleware import log; print(log.attached())"
    ended = subprocess.run(
        [sys.executable, "-c", command, str(named)],
        capture_output=True,
        text=True,
    )

    assert attached.level == logging.ERROR
    assert "Handler" in ended.stdout, ended.stderr


def test_the_manual_configures_the_driver_beside_another_and_alone(
    tmp_path, sqlite_url
):
    texts = [
        text
        for text in blocks(MANUAL / "recording.rst", "ini")
        if "driver =" in text
    ]
    (without_broker,) = [
        text
        for text in blocks(MANUAL / "install/trove.rst", "none")
        if "driver =" in text
    ]

    drivers = []
    for text in (*texts, without_broker):
        text = f"[DEFAULT]\ntransport_url = fake://\n{text}"
        conf = parse(
            write_configuration(tmp_path / "service.conf", sqlite_url, text)
        )
        transport = oslo_messaging.get_notification_transport(conf)
        drivers.append(
            sorted(oslo_messaging.Notifier(transport)._driver_mgr.names())
        )
        assert not deploy(conf).metrics.health.failures

    assert drivers == [
        ["fault_middleware", "messagingv2"],
        ["fault_middleware"],
        ["fault_middleware"],
    ]
    assert not deploy(conf).consumes


@pytest.fixture
def called(tmp_path, sqlite_url, store, monkeypatch):
    """What direct calls recorded, when asked."""
    conf = write_configuration(
        tmp_path / "service.conf", sqlite_url, consumer="external"
    )
    monkeypatch.setenv("FAULT_MIDDLEWARE_CONFIG", str(conf))
    return lambda: [
        (row["instance_id"], row["message"], row["details"])
        for row in rows(store)
    ]


def test_the_examples_of_direct_calls_record(called):
    (example,) = blocks(MANUAL / "recording.rst", "python")

    def attach(volume):
        raise LookupError(f"no volume {volume}")

    names = {
        "instance_id": "i-1",
        "log": "the log",
        "volume": "v-1",
        "attach": attach,
    }
    example = example.replace("size): ...", "size): raise ValueError(size)")
    calls, by_name, within = example.split("@reporting")
    with pytest.raises(LookupError):
        exec(calls, names)
    exec(f"@reporting{by_name}@reporting{within}", names)
    with pytest.raises(ValueError, match="-5"):
        names["resize"](None, "i-2", size=-5)
    volume = types.SimpleNamespace(id="i-3")
    with pytest.raises(ValueError, match="-6"):
        names["extend"](None, volume, size=-6)

    first, *others = called()
    assert first == ("i-1", "Volume could not be attached", "the log")
    assert [one[:2] for one in others] == [
        ("i-1", "no volume v-1"),
        ("i-2", "-5"),
        ("i-3", "-6"),
    ]


def test_the_example_of_a_reboot_records(called, caplog):
    (example,) = blocks(MANUAL / "install/trove.rst", "python")
    names = {"LOG": logging.getLogger("trove")}
    exec(example, names)

    def reboot():
        raise RuntimeError("the server is locked")

    names["reboot"](
        types.SimpleNamespace(
            id="i-1", server=types.SimpleNamespace(reboot=reboot)
        )
    )

    ((instance_id, message, _),) = called()
    assert (instance_id, message) == ("i-1", "the server is locked")


class Tacker:
    """Tacker's part in the examples of drivers: what it stores of an error, and what it shows.

    Without the real one, which ``functional/test_tacker.py`` has.
    """

    def __init__(self, conf, store):
        self.conf = str(conf)
        self.store = store
        self._service = Service()
        self._app = webtest.TestApp(
            FaultMiddleware(self._service, parse(conf))
        )

    def fail_in_driver(self, example, hook):
        """Run a hook of a driver of v1; what Tacker stores of its error."""
        namespace = {}
        exec(compile(example, "exceptions.rst", "exec"), namespace)
        base = namespace["VnflcmMgmtNoop"]
        (driver,) = (
            one for one in namespace.values() if _is_subclass(one, base)
        )
        body = SHOWS["v1_op_failed_with_error"]["body"]
        instance = types.SimpleNamespace(id=body["vnfInstanceId"])
        with pytest.raises(Exception) as caught:  # noqa: PT011
            getattr(driver(), hook)(
                context=None, vnf_instance=instance, grant=None
            )
        return {
            **body,
            "error": {"title": "", "status": 500, "detail": str(caught.value)},
        }

    def fail_in_script(self, example, request):
        """Run a script of v2; what Tacker stores of its error."""
        body = SHOWS["v2_op_failed_with_error"]["body"]
        given = {
            "operation": "instantiate_start",
            "request": request,
            "vnf_instance": {"id": body["vnfInstanceId"]},
            "grant_request": {"vnfLcmOpOccId": body["id"]},
        }
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", example],
            input=pickle.dumps(given),
            capture_output=True,
            env={**os.environ, "FAULT_MIDDLEWARE_CONFIG": self.conf},
        )
        assert ended.returncode == 1
        data = pickle.loads(ended.stdout)["user_script_err_handling_data"]
        error = {
            "title": "Mgmt driver execution failed",
            "status": 422,
            "detail": f"instantiate_start failed: {ended.stderr}",
            "userScriptErrHandlingData": data,
        }
        return {**body, "error": error}

    def show(self, body, role="member"):
        self._service.body = body
        path = f"/vnf_lcm_op_occs/{body['id']}"
        return self._app.get(path, headers={"X-Roles": role}).json["error"]

    def forget(self):
        """Empty the table."""
        with self.store.writer.begin() as connection:
            connection.execute(sa.text("DELETE FROM instance_faults"))


def _is_subclass(value, base):
    return (
        isinstance(value, type)
        and issubclass(value, base)
        and value is not base
    )


@pytest.fixture
def tacker(tmp_path, sqlite_url, monkeypatch):
    noop = types.ModuleType("vnflcm_noop")
    noop.VnflcmMgmtNoop = type("VnflcmMgmtNoop", (), {})
    monkeypatch.setitem(
        sys.modules, "tacker.vnfm.mgmt_drivers.vnflcm_noop", noop
    )
    conf = write_configuration(
        tmp_path / "tacker.conf",
        sqlite_url,
        profiles="tacker",
        credentials="headers",
    )
    monkeypatch.setenv("FAULT_MIDDLEWARE_CONFIG", str(conf))
    store = make_store(sqlite_url)
    yield Tacker(conf, store)
    close(deploy(parse(conf)).store)
    close(store)


DRIVER, PLAYBOOK, SCRIPT = blocks(MANUAL / "exceptions.rst", "python")
SHOWN = [
    json.loads(text) for text in blocks(MANUAL / "exceptions.rst", "json")
]


def test_the_driver_with_its_own_exception_is_read_without_a_table(tacker):
    body = tacker.fail_in_driver(DRIVER, "instantiate_start")

    assert json.loads(body["error"]["detail"]) == SHOWN[0]
    assert tacker.show(body) == tacker.show(body, "admin") == SHOWN[0]
    assert rows(tacker.store) == []


def test_the_driver_that_runs_a_playbook_says_what_failed(
    tacker, tmp_path, monkeypatch
):
    recorded = DATA / "ansible/core2.19/failed_task.default.out"
    program = tmp_path / "ansible-playbook"
    program.write_text(f"#!/bin/sh\ncat {recorded}\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    body = tacker.fail_in_driver(PLAYBOOK, "instantiate_end")

    (row,) = rows(tacker.store)
    assert (row["instance_id"], row["message"]) == (
        body["vnfInstanceId"],
        SHOWN[1]["detail"],
    )
    assert tacker.show(body) == SHOWN[1]
    assert "AnsiblePlaybookError" in tacker.show(body, "admin")["traceback"]
    tacker.forget()
    assert tacker.show(body, "admin") == SHOWN[1]


def test_the_script_says_what_failed(tacker):
    body = tacker.fail_in_script(SCRIPT, {"flavourId": "simple"})

    (row,) = rows(tacker.store)
    assert (row["instance_id"], row["message"]) == (
        body["vnfInstanceId"],
        SHOWN[2]["detail"],
    )
    assert tacker.show(body) == SHOWN[2]
    assert "NoLicence" in tacker.show(body, "admin")["traceback"]
    tacker.forget()
    assert tacker.show(body, "admin") == SHOWN[2]


@pytest.mark.parametrize("database", ["sqlite:////nowhere/at/all.sqlite", ""])
def test_the_script_says_what_failed_where_nothing_can_be_stored(
    tacker, tmp_path, database
):
    tacker.conf = str(
        write_configuration(
            tmp_path / "away.conf", database, profiles="tacker"
        )
    )

    body = tacker.fail_in_script(SCRIPT, {})

    assert "could not be recorded" in body["error"]["detail"]
    assert tacker.show(body) == SHOWN[2]
    assert rows(tacker.store) == []


def test_each_example_of_a_driver_says_what_its_users_see():
    assert len(SHOWN) == 3


def test_the_paste_advice_for_tacker_loads_beside_its_pipelines():
    service, paste, logs = blocks(MANUAL / "install/tacker.rst", "ini")

    assert "profiles = tacker" in service
    assert "logs = true" in logs
    for number in (1, 2):
        for strategy in ("noauth", "keystone"):
            assert f"fault vnflcmaapp_v{number}\n" in paste, strategy


def test_modules_import_those_that_stand_above_them_in_the_manual():
    text = (MANUAL / "contributor/architecture.rst").read_text()
    lines = re.findall(r"^``\w+``(?:, ``\w+``)*(?=  )", text, re.MULTILINE)
    table = [re.findall(r"\w+", line) for line in lines]
    place = {
        name: number for number, names in enumerate(table) for name in names
    }
    package = ROOT / "fault_middleware"

    assert set(place) == {
        file.stem for file in package.iterdir() if file.suffix in ("", ".py")
    } - {"__init__", "__pycache__", "demo", "profiles"} - {"py"}
    for name, number in place.items():
        if (package / f"{name}.py").exists():
            assert all(
                place[one] < number for one in imported(package / f"{name}.py")
            ), name


def imported(file):
    """The modules of ours that a module imports, in functions and for its types too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "fault_middleware"
        ):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module.startswith(
            "fault_middleware."
        ):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {
                parts[1]
                for parts in names
                if parts[0] == "fault_middleware" and parts[1:]
            }
    return found


def test_the_sizes_in_the_manual_follow_from_the_defaults(configure):
    text = " ".join((MANUAL / "operations/sizing.rst").read_text().split())
    parts = deploy(configure())
    settings = parts.settings
    assert f"``retention_days`` ({settings.retention_days})" in text
    assert (
        f"``max_faults_per_instance`` ({settings.max_faults_per_instance})"
        in text
    )
    batches = listener.BATCHES_AHEAD
    ahead = settings.batch_size * batches
    pool = parts.store.reader.pool
    lasting, most = pool.size(), pool.size() + pool._max_overflow

    assert (
        f"``batch_size`` {settings.batch_size} x {batches} = {ahead} messages"
        in text
    )
    assert f"``batch_timeout`` ({settings.batch_timeout * 1000:g} ms)" in text
    assert (
        f"``max_pool_size`` {lasting} are kept, ``max_overflow`` {most - lasting} more"
        in text
    )
    assert f"up to {most}" in text
    assert f"a list of N instances is N / {CHUNK} of them" in text
    close(parts.store)
