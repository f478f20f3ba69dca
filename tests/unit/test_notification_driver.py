# SPDX-License-Identifier: Apache-2.0
"""The driver as oslo.messaging loads it, on a transport that nothing arrives at."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from datetime import datetime

import oslo_messaging
import pytest
from oslo_context import context as oslo_context

from fault_middleware.deploy import deploy
from fault_middleware.notification_driver import Driver
from tests.fixtures import (
    INSTANCE,
    PROJECT,
    close,
    make_store,
    parse,
    rows,
    wait_until,
    write_configuration,
)
from tests.healthchecks import ask

ERROR = "dbaas.instance_create.error"
TRANSPORT = "[DEFAULT]\ntransport_url = rabbit://127.0.0.1:1/\n"
ORDERS = """
service: orders
events:
  - event_type: order.failed
    priority: [error, warn]
    record: {instance_id: payload.id, message: payload.why, request_id: context.request_id}
  - {event_type: order.paid, priority: info, success: {instance_id: payload.id}}
  - {event_type: order.sent, priority: info, operation: send, success: {instance_id: payload.id}}
  - {event_type: ["order.noise", dbaas.instance_create.error], priority: info, ignore: {}}
"""


def payload(message="No valid host", **values):
    return {
        "instance_id": INSTANCE,
        "message": message,
        "exception": ["Traceback\n", "NoValidHost\n"],
        "tenant_id": PROJECT,
        **values,
    }


def notification(message="No valid host", **values):
    """What oslo.messaging hands to a driver."""
    return {
        "message_id": str(uuid.uuid4()),
        "publisher_id": "taskmanager.host",
        "event_type": ERROR,
        "priority": "INFO",
        "payload": payload(message),
        "timestamp": "2026-11-21 20:52:23.032698",
        **values,
    }


def make_notifier(conf, **options):
    transport = oslo_messaging.get_notification_transport(conf)
    options = {"driver": "fault_middleware", **options}
    return oslo_messaging.Notifier(transport, "taskmanager.host", **options)


@pytest.fixture
def store(sqlite_url):
    made = make_store(sqlite_url)
    yield made
    close(made)


@pytest.fixture
def world(configure, tmp_path, store):
    """A service whose notifier has the driver, and nobody to listen."""
    profile = tmp_path / "orders.yaml"
    profile.write_text(ORDERS)
    made = []

    def make(**values):
        deployment = deploy(
            configure(TRANSPORT, profiles=f"trove,{profile}", **values)
        )
        made.append(deployment)
        return deployment

    yield make
    for deployment in made:
        deployment.writer.get().end()
        close(deployment.store)


def writers():
    return [one for one in threading.enumerate() if one.name == "fault-writer"]


def messages(store):
    return [row["message"] for row in rows(store)]


@contextlib.contextmanager
def without_table(store):
    """A while in which the database fails."""
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults RENAME TO elsewhere"
        )
    yield
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE elsewhere RENAME TO instance_faults"
        )


def test_a_notification_becomes_a_row_where_it_is_sent(world, store):
    make_notifier(world().conf).info({}, ERROR, payload())

    wait_until(lambda: rows(store))

    (row,) = rows(store)
    assert (row["instance_id"], row["message"]) == (INSTANCE, "No valid host")
    assert (row["details"], row["project_id"]) == (
        "Traceback\nNoValidHost\n",
        PROJECT,
    )


def test_nothing_else_is_started(world, store):
    before = {one.name for one in threading.enumerate()}
    notifier = make_notifier(world().conf)
    assert {one.name for one in threading.enumerate()} == before

    notifier.info({}, ERROR, payload())

    wait_until(lambda: rows(store))
    assert {one.name for one in threading.enumerate()} == before | {
        "fault-writer"
    }


def test_what_no_profile_names_is_left_out(world, store):
    notifier = make_notifier(world().conf)
    notifier.info({}, "dbaas.instance_create.start", payload("a start"))
    notifier.warn({}, ERROR, payload("a priority that Trove does not use"))
    notifier.info({}, ERROR, payload("no instance", instance_id=None))
    notifier.info({}, None, payload("no type"))
    notifier.info({}, ERROR, None)
    notifier.info({}, ERROR, payload("ours"))

    wait_until(lambda: messages(store) == ["ours"])


def test_an_event_may_be_told_by_its_context(configure, tmp_path, store):
    profile = tmp_path / "orders.yaml"
    named = "event_type: order.failed\n"
    when = "    when: {context.project_id: p1}\n"
    profile.write_text(ORDERS.replace(named, named + when))
    deployment = deploy(configure(TRANSPORT, profiles=str(profile)))
    driver = Driver(deployment.conf)

    for project in ("p2", "p1"):
        failed = notification(
            f"of {project}",
            event_type="order.failed",
            priority="ERROR",
            payload={"id": INSTANCE, "why": f"of {project}"},
        )
        driver.notify({"project_id": project}, failed, "ERROR", -1)

    wait_until(lambda: rows(store))
    deployment.writer.get().end()
    assert messages(store) == ["of p1"]
    close(deployment.store)


def test_driver_and_consumer_make_one_row(configure, store):
    topic = f"t{uuid.uuid4().hex}"
    text = (
        "[DEFAULT]\ntransport_url = fake://\n[oslo_messaging_notifications]\n"
        f"driver = messagingv2\ndriver = fault_middleware\ntopics = {topic}\n"
    )
    deployment = deploy(configure(text, topics=topic))
    make_notifier(deployment.conf, driver=None).info({}, ERROR, payload())
    wait_until(lambda: rows(store))
    by_driver = rows(store)

    deployment.consumer.ensure()

    wait_until(lambda: "duplicates_total=1" in deployment.metrics.counts())
    assert rows(store) == by_driver
    deployment.consumer.stop()
    deployment.writer.get().end()
    close(deployment.store)


@pytest.mark.parametrize("priority", ["error", "warn"])
def test_the_priority_may_be_in_capitals(world, store, priority):
    notifier = make_notifier(world().conf)

    getattr(notifier, priority)(
        {}, "order.failed", {"id": 5, "why": "sold out"}
    )

    wait_until(lambda: messages(store) == ["sold out"])


@pytest.mark.parametrize("form", ["object", "dict", None])
def test_the_context_may_be_an_object_a_dict_or_none(world, store, form):
    context = oslo_context.RequestContext(
        request_id="req-1", project_id=PROJECT
    )
    given = {"object": context, "dict": context.to_dict(), None: None}[form]
    order = notification(
        event_type="order.failed",
        priority="ERROR",
        payload={"id": "5", "why": "sold out"},
    )

    Driver(world().conf).notify(given, order, "ERROR", -1)

    wait_until(lambda: rows(store))
    assert rows(store)[0]["request_id"] == ("req-1" if form else None)


def test_values_are_read_as_a_consumer_would_read_them(world, store):
    class Odd:
        def __str__(self):
            return "odd"

    strange = payload(
        ValueError("no host"),
        instance_id=uuid.UUID(INSTANCE),
        tenant_id=Odd(),
        since=datetime(2026, 11, 21),
    )

    make_notifier(world().conf).info({}, ERROR, strange)

    wait_until(lambda: rows(store))
    (row,) = rows(store)
    assert (row["instance_id"], row["message"]) == (
        INSTANCE,
        "ValueError('no host')",
    )
    assert row["project_id"] == "odd"


def test_what_others_do_to_the_message_afterwards_changes_nothing(
    world, store
):
    driver = Driver(world().conf)
    shared = notification("as it was sent")
    with without_table(store):
        driver.notify({}, notification("holds the writer up"), "INFO", -1)
        driver.notify({}, shared, "INFO", -1)
        shared["payload"]["exception"].insert(0, "Server type: taskmanager\n")
        shared["payload"]["message"] = shared["message_id"] = "changed"

    wait_until(lambda: len(rows(store)) == 2)
    assert sorted(messages(store)) == ["as it was sent", "holds the writer up"]
    assert {row["details"] for row in rows(store)} == {
        "Traceback\nNoValidHost\n"
    }


def test_while_the_database_fails_one_thread_waits_with_all_there_is(
    world, store
):
    deployment = world()
    notifier = make_notifier(deployment.conf)
    another = make_notifier(deployment.conf)
    with without_table(store):
        for number in range(100):
            (notifier if number % 2 else another).info(
                {}, ERROR, payload(str(number))
            )
        wait_until(
            lambda: "database (storing)" in deployment.metrics.health.failures
        )
        wait_until(lambda: len(writers()) == 1)

    wait_until(lambda: len(rows(store)) == 100)
    assert messages(store) == [str(number) for number in range(100)]
    assert "duplicates_total=0" in deployment.metrics.counts()
    assert deployment.metrics.health.failures == {}


def test_what_does_not_fit_is_counted_and_named(world, store, caplog):
    deployment = world()
    driver = Driver(deployment.conf)
    with without_table(store):
        for number in range(20):
            driver.notify(
                {}, notification(f"{number} " + "x" * 2**20), "INFO", -1
            )
        assert (
            "dropped_total[the queue is full or closed]=5"
            in deployment.metrics.counts()
        )

    wait_until(lambda: len(rows(store)) == 15)
    assert f"dropped (the queue is full or closed): {ERROR}" in caplog.text
    assert INSTANCE in caplog.text
    assert "xxx" not in caplog.text
    driver.notify({}, notification("there is room again"), "INFO", -1)
    wait_until(lambda: "there is room again" in messages(store))


@pytest.mark.parametrize(
    "wrong",
    [
        {"payload": {**payload(), ("a", "b"): 1}},
        {"payload": {**payload(), "x": b"\xff"}},
    ],
)
def test_what_cannot_be_copied_is_logged_and_costs_the_next_one_nothing(
    world, store, caplog, wrong
):
    deployment = world()
    driver = Driver(deployment.conf)

    driver.notify({}, notification(**wrong), "INFO", -1)
    driver.notify({}, notification("good"), "INFO", -1)

    wait_until(lambda: messages(store) == ["good"])
    assert "errors_total[driver]=1" in deployment.metrics.counts()
    assert INSTANCE in caplog.text


class Unseen(collections.deque):
    """A queue that is too long to be looked through."""

    is_long = True

    def __iter__(self):
        assert not self.is_long
        return super().__iter__()


def test_who_notifies_does_not_look_through_the_queue(world, store):
    deployment = world()
    driver = Driver(deployment.conf)
    with without_table(store):
        driver.notify({}, notification("0"), "INFO", -1)
        wait_until(
            lambda: "database (storing)" in deployment.metrics.health.failures
        )
        writer = deployment.writer.get()
        writer._queue = queue = Unseen(writer._queue)
        for number in range(1, 5):
            driver.notify({}, notification(str(number)), "INFO", -1)
        queue.is_long = False

    wait_until(lambda: len(rows(store)) == 5)
    assert not [
        one for one in deployment.metrics.counts() if one.startswith("errors")
    ]


def test_a_signal_handler_may_notify_while_its_thread_does(world, store):
    deployment = world()
    driver = Driver(deployment.conf)
    handled = []

    def on_signal(number, frame):
        handled.append(
            driver.notify({}, notification("in the handler"), "INFO", -1)
        )

    before = signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(handled) < 100:
            driver.notify({}, notification("in the thread"), "INFO", -1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    wait_until(
        lambda: {"in the handler", "in the thread"} <= set(messages(store))
    )


def test_who_chooses_the_texts_of_a_notification_forges_no_line_of_the_log(
    world, caplog
):
    endless = {}
    endless["itself"] = endless
    forged = "\r\n2026-11-26 12:00:00 CRITICAL keystone root logged in\x1b[31m"
    payload = {"instance_id": f"x{forged}", "message": endless}
    event_type = f"dbaas.{forged}.error"

    Driver(world().conf).notify(
        {},
        notification("", event_type=event_type, payload=payload),
        "INFO",
        -1,
    )

    (line,) = [message for message in caplog.messages if "is lost" in message]
    assert line.isprintable()
    assert "\\r\\n2026" in line


def test_an_error_of_ours_loses_what_it_is_in_and_counts_each(
    world, store, caplog
):
    deployment = world()
    extract = deployment.recorder.extract
    driver = Driver(deployment.conf)

    def broken(one):
        if one["payload"]["message"] == "bad":
            raise ZeroDivisionError
        return extract(one)

    with without_table(store):
        driver.notify({}, notification("holds the writer up"), "INFO", -1)
        wait_until(
            lambda: "database (storing)" in deployment.metrics.health.failures
        )
        deployment.recorder.extract = broken
        for message in ("good", "bad", "better", "bad", "best"):
            driver.notify({}, notification(message), "INFO", -1)

    wait_until(lambda: "best" in messages(store))
    assert sorted(messages(store)) == [
        "best",
        "better",
        "good",
        "holds the writer up",
    ]
    assert "errors_total[writer]=2" in deployment.metrics.counts()
    assert f"{ERROR} of {INSTANCE} is lost" in caplog.text


def test_without_a_database_the_service_goes_on(tmp_path, caplog):
    file = tmp_path / "service.conf"
    file.write_text(TRANSPORT)
    conf = parse(file)

    notifier = make_notifier(conf)
    notifier.info({}, ERROR, payload())
    notifier.info({}, ERROR, payload())

    (line,) = [one for one in caplog.messages if "notification driver" in one]
    assert "[fault_middleware_database] connection is not set in" in line
    assert "\n" not in line
    assert "connection is not set" in ask(conf).text


def test_a_configuration_that_is_mended_ends_the_alarm(world, tmp_path):
    """Of the process before, in a folder that processes share."""
    script = (
        "import sys, prometheus_client\nfrom oslo_config import cfg\n"
        "from fault_middleware.notification_driver import Driver\n"
        "cfg.CONF([], default_config_files=sys.argv[1:])\n"
        "from fault_middleware.metrics import Metrics\n"
        "Driver()\n"
        "print(prometheus_client.generate_latest(Metrics().exposed).decode())"
    )
    wrong = tmp_path / "wrong.conf"
    wrong.write_text(TRANSPORT)
    shared = tmp_path / "shared"
    shared.mkdir()
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)}
    shown = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, file],
            env=environ,
            capture_output=True,
            text=True,
        ).stdout
        for file in (str(wrong), *world().conf.config_file)
    ]

    for state, text in zip("10", shown, strict=True):
        assert (
            f'fault_middleware_failing{{part="notification driver"}} {state}.0'
            in text
        )


@pytest.mark.parametrize(
    "wrong", [{"profiles": "nosuch"}, {"lookup_timeout": "soon"}]
)
def test_a_wrong_configuration_is_one_line_in_the_log(
    configure, caplog, wrong
):
    make_notifier(configure(TRANSPORT, **wrong)).info({}, ERROR, payload())

    (line,) = [one for one in caplog.messages if "notification driver" in one]
    assert next(iter(wrong)) in line


# What a process does with a driver, from its start to its end.
PROCESS = """
import sys
{before}
import logging, os
from oslo_config import cfg
from fault_middleware.notification_driver import Driver
logging.basicConfig(level=logging.INFO)
cfg.CONF([], default_config_files=[sys.argv[1]])
one, two = {notifications!r}
driver = Driver()
{then}
"""
PATCHED = "import eventlet; eventlet.monkey_patch()"


@pytest.fixture
def run(tmp_path, sqlite_url):
    """Runs a process; returns what it logged."""

    def run(then, before="", notifications=None):
        file = write_configuration(tmp_path / "service.conf", sqlite_url)
        given = notifications or (notification("one"), notification("two"))
        script = PROCESS.format(before=before, then=then, notifications=given)
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, str(file)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stderr

    return run


@pytest.mark.parametrize("before", ["", PATCHED], ids=["threads", "eventlet"])
def test_a_process_that_ends_stores_what_it_has_first(run, store, before):
    run(
        "driver.notify({}, one, 'INFO', -1)\ndriver.notify({}, two, 'INFO', -1)",
        before=before,
    )

    assert sorted(messages(store)) == ["one", "two"]


@pytest.mark.parametrize("before", ["", PATCHED], ids=["threads", "eventlet"])
def test_a_process_ends_where_the_database_fails_and_says_what_is_lost(
    run, before
):
    log = run("driver.notify({}, one, 'INFO', -1)", before=before)

    assert f"dropped (the process ended): {ERROR}" in log
    assert INSTANCE in log


def test_a_database_that_is_back_when_the_process_ends_gets_it(
    run, sqlite_url
):
    run(
        "import time\n"
        "from fault_middleware import deploy, migration\n"
        "driver.notify({}, one, 'INFO', -1)\n"
        "time.sleep(2)  # so that the next try is a while away\n"
        "migration.sync(deploy.deploy(cfg.CONF).store.writer)"
    )

    store = make_store(sqlite_url)
    assert messages(store) == ["one"]
    close(store)


def test_what_comes_after_the_end_is_said_to_be_lost(run, store):
    log = run(
        "import atexit\n"
        "atexit.register(driver.notify, {}, two, 'INFO', -1)\n"
        "driver.notify({}, one, 'INFO', -1)"
    )

    assert messages(store) == ["one"]
    assert f"dropped (the queue is full or closed): {ERROR}" in log


def test_green_threads_notify(run, store):
    run(
        "def notify(one):\n    driver.notify({}, one, 'INFO', -1)\n    eventlet.sleep(0)\n"
        "for one in [eventlet.spawn(notify, {**one, 'message_id': str(n)}) for n in range(50)]:\n"
        "    one.wait()",
        before=PATCHED,
    )

    assert len(rows(store)) == 50


@pytest.mark.parametrize("before", ["", PATCHED], ids=["threads", "eventlet"])
def test_a_forked_process_stores_its_own(run, store, before):
    run(
        "driver.notify({}, one, 'INFO', -1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    driver.notify({}, two, 'INFO', -1)\n"
        "    sys.exit()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "driver.notify({}, {**one, 'message_id': 'after'}, 'INFO', -1)",
        before=before,
    )

    assert sorted(messages(store)) == ["one", "one", "two"]


def test_a_forked_process_is_not_held_up_by_what_its_parent_waits_for(run):
    log = run(
        "driver.notify({}, one, 'INFO', -1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    sys.exit()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print('the child has ended', file=sys.stderr)"
    )

    child, _, parent = log.partition("the child has ended")
    assert "the process ended" not in child
    assert "the process ended" in parent


def test_where_no_thread_can_run_it_says_so(run):
    log = run(
        "driver.notify({}, one, 'INFO', -1)",
        before=f"{PATCHED}; import types; sys.modules['uwsgi'] = types.ModuleType('uwsgi')",
    )

    assert (
        "notification driver: it records nothing: RuntimeError: under uWSGI"
        in log
    )


def test_a_driver_of_the_routing_driver_has_the_configuration_of_the_service(
    tmp_path, sqlite_url, store
):
    routes = tmp_path / "routes.yaml"
    routes.write_text("faults: {fault_middleware: {accepted_events: ['*']}}\n")
    text = f"{TRANSPORT}[oslo_messaging_notifications]\nrouting_config = {routes}\n"
    file = write_configuration(tmp_path / "service.conf", sqlite_url, text)
    script = (
        "import sys, json, oslo_messaging\nfrom oslo_config import cfg\n"
        "cfg.CONF([], default_config_files=[sys.argv[1]])\n"
        "transport = oslo_messaging.get_notification_transport(cfg.CONF)\n"
        "notifier = oslo_messaging.Notifier(transport, 'x', driver='routing')\n"
        "notifier.info({}, sys.argv[2], json.loads(sys.argv[3]))"
    )

    arguments = [str(file), ERROR, json.dumps(payload("routed"))]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments], check=True
    )

    assert messages(store) == ["routed"]


@pytest.mark.parametrize(
    ("choice", "received"), [("operation", 2), ("all", 3), ("none", 1)]
)
def test_only_a_success_that_may_clear_is_copied(
    world, store, choice, received
):
    deployment = world(clear_on_success=choice)
    notifier = make_notifier(deployment.conf)
    notifier.info({}, "order.paid", {"id": "o1"})
    notifier.info({}, "order.sent", {"id": "o1"})
    notifier.info({}, ERROR, payload())

    # A success that is stored may be there some moments earlier.
    wait_until(lambda: "No valid host" in messages(store))

    counts = deployment.metrics.counts()
    assert f"notifications_received_total={received}" in counts


def test_what_one_profile_ignores_another_may_record(world, store):
    deployment = world()
    notifier = make_notifier(deployment.conf)
    notifier.info({}, "order.noise", {"id": "o1"})
    notifier.info({}, "order.paid", {"id": "o1"})
    notifier.info({}, ERROR, payload())

    wait_until(lambda: rows(store))
    assert messages(store) == ["No valid host"]
    assert "errors_total[driver]=1" not in deployment.metrics.counts()
    assert "notifications_received_total=1" in deployment.metrics.counts()
