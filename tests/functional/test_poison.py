# SPDX-License-Identifier: Apache-2.0
"""Messages that upset a stock listener, through RabbitMQ: the good ones behind them arrive."""

import json
import uuid

import amqp
import pytest

from fault_middleware.deploy import deploy
from tests.fixtures import (
    INSTANCE,
    close,
    make_store,
    parse,
    rows,
    wait_until,
    write_configuration,
)

JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
ERROR = "dbaas.instance_create.error"


def envelope(message):
    inner = message if isinstance(message, str) else json.dumps(message)
    return json.dumps({"oslo.version": "2.0", "oslo.message": inner})


def good(**values):
    """A notification of Trove."""
    return {
        "_context_user": "u",
        "message_id": str(uuid.uuid4()),
        "publisher_id": "taskmanager.host",
        "event_type": ERROR,
        "priority": "INFO",
        "payload": {
            "instance_id": INSTANCE,
            "message": "good",
            "exception": ["Traceback\n"],
        },
        "timestamp": "2026-01-01 00:00:00.000000",
        "_unique_id": uuid.uuid4().hex,
        **values,
    }


def without(key):
    return {name: value for name, value in good().items() if name != key}


def payload(**values):
    return good(payload={"instance_id": INSTANCE, "message": "odd", **values})


DEEP = "[" * 100000 + "]" * 100000
# Name, body, properties, and the rows that it makes.
POISON = [
    ("not JSON", b"{not json", JSON, 0),
    ("not UTF-8", b'\xff\xfe{"a":1}', JSON, 0),
    ("bytes", b"\x00\x01", {"content_type": "application/octet-stream"}, 0),
    (
        "pickle",
        b"cos\nsystem\n(S'true'\ntR.",
        {"content_type": "application/x-python-serialize"},
        0,
    ),
    (
        "YAML",
        b"a: 1",
        {"content_type": "application/x-yaml", "content_encoding": "utf-8"},
        0,
    ),
    (
        "unknown type",
        b"zzz",
        {"content_type": "application/zzz", "content_encoding": "utf-8"},
        0,
    ),
    ("empty", b"", JSON, 0),
    ("a list", b"[1,2]", JSON, 0),
    ("a list of pairs", b'[["a",1]]', JSON, 0),
    ("a string", b'"str"', JSON, 0),
    ("a number", b"5", JSON, 0),
    ("null", b"null", JSON, 0),
    ("an empty object", b"{}", JSON, 0),
    ("inside not JSON", envelope("{oops"), JSON, 0),
    ("inside a list", envelope("[1]"), JSON, 0),
    ("inside null", envelope("null"), JSON, 0),
    (
        "envelope 3.0",
        json.dumps({"oslo.version": "3.0", "oslo.message": "{}"}),
        JSON,
        0,
    ),
    ("deep", envelope('{"priority":"INFO","payload":' + DEEP + "}"), JSON, 0),
    (
        "an endless number",
        envelope('{"priority":"INFO","payload":' + "9" * 5000 + "}"),
        JSON,
        0,
    ),
    ("NaN", envelope('{"priority":"INFO","payload":NaN}'), JSON, 0),
    (
        "a lone surrogate",
        envelope('{"priority":"INFO","payload":"\\ud800"}'),
        JSON,
        0,
    ),
    ("no priority", envelope(without("priority")), JSON, 0),
    ("priority null", envelope(good(priority=None)), JSON, 0),
    ("priority a number", envelope(good(priority=5)), JSON, 0),
    ("priority a list", envelope(good(priority=["INFO"])), JSON, 0),
    ("priority bogus", envelope(good(priority="bogus")), JSON, 0),
    ("payload null", envelope(good(payload=None)), JSON, 0),
    ("payload a list", envelope(good(payload=[1])), JSON, 0),
    ("payload a string", envelope(good(payload="s")), JSON, 0),
    ("event type a number", envelope(good(event_type=5)), JSON, 0),
    ("an id with a NUL", envelope(payload(instance_id="a\0b")), JSON, 0),
    (
        "an id that is an object",
        envelope(payload(instance_id={"a": 1})),
        JSON,
        0,
    ),
    ("no context", envelope(without("_context_user")), JSON, 1),
    ("no message id", envelope(without("message_id")), JSON, 1),
    ("no timestamp", envelope(without("timestamp")), JSON, 1),
    ("a timestamp that is none", envelope(good(timestamp="soon")), JSON, 1),
    (
        "a message with surrogates and NUL",
        envelope(payload(message="\ud800\0")),
        JSON,
        1,
    ),
    (
        "a message that is an object",
        envelope(payload(message={"a": [1]})),
        JSON,
        1,
    ),
    ("5 MB", envelope(payload(exception=["x" * 5_000_000])), JSON, 1),
]


@pytest.fixture(scope="module")
def world(broker, tmp_path_factory):
    """A consumer in this process, and a channel to publish to it."""
    folder = tmp_path_factory.mktemp("poison")
    url = f"sqlite:///{folder}/faults.sqlite"
    store = make_store(url)
    topic = uuid.uuid4().hex
    file = write_configuration(
        folder / "x.conf", url, transport_url=broker.url, topics=topic
    )
    deployment = deploy(parse(file))
    deliveries = []
    deployment.consumer.ensure()
    wait_until(lambda: deployment.consumer.listening)
    dispatcher = deployment.consumer.listener.dispatcher
    dispatch = dispatcher.dispatch

    def dispatch_and_count(incoming):
        deliveries.extend(incoming)
        return dispatch(incoming)

    dispatcher.dispatch = dispatch_and_count
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()

        def publish(body, properties):
            channel.basic_publish(
                amqp.Message(body, **properties),
                exchange="trove",
                routing_key=f"{topic}.info",
            )

        yield publish, store, deliveries, deployment
    deployment.consumer.close()
    close(deployment.store)
    close(store)


@pytest.mark.parametrize(
    ("body", "properties", "made"),
    [pytest.param(*case[1:], id=case[0]) for case in POISON],
)
def test_a_message_stops_nobody(world, body, properties, made):
    publish, store, deliveries, _ = world
    before = len(rows(store))
    deliveries.clear()

    publish(envelope(good()), JSON)
    publish(body, properties)
    publish(envelope(good()), JSON)

    wait_until(lambda: len(rows(store)) == before + 2 + made)
    assert len(deliveries) <= 3


def test_the_same_message_twice_is_one_row(world):
    publish, store, _, _ = world
    before = len(rows(store))
    body = envelope(good(_unique_id="the same"))

    for _ in range(2):
        publish(body, JSON)
    publish(envelope(good()), JSON)

    wait_until(lambda: len(rows(store)) == before + 2)


def test_all_at_once_cost_no_good_one_anything(world):
    publish, store, deliveries, deployment = world
    before = len(rows(store))
    deliveries.clear()

    for _, body, properties, _ in POISON:
        publish(body, properties)
        publish(envelope(good()), JSON)

    made = sum(case[3] for case in POISON)
    # Those with a message id of their own were stored by the tests before.
    wait_until(lambda: len(rows(store)) >= before + len(POISON))
    assert len(rows(store)) <= before + len(POISON) + made
    assert len(deliveries) <= 2 * len(POISON)
    assert (
        deployment.metrics.registry.get_sample_value(
            "fault_middleware_dropped_total", {"reason": "unreadable"}
        )
        >= 3
    )
