# SPDX-License-Identifier: Apache-2.0
"""What of a failure its user reads: a text, a sentence of the profile, a class, or neither."""

import pytest

from fault_middleware import cause, profile
from fault_middleware.cause import Kind
from fault_middleware.document import DocumentError

ID = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
PLAN = "7192eb86-732f-44ab-b41b-404fade7a4bd"
PROFILE = """\
service: shop
symptoms: [GaveUp, shop.errors.Exhausted]
sentences:
  - exception: [NoRoom, shop.errors.Full*]
    source: shop.move
    text: There is no room for {size} boxes beside {other}.
    fields: {size: payload.size, other: payload.other}
  - exception: NoRoom
    text: There is no room.
  - source: shop.silent
    text: The shop does not answer.
events:
  - event_type: shop.tell
    priority: error
    record:
      instance_id: payload.id
      message: {path: payload.reason, text: It failed.}
      details: payload.trace
      exception: payload.exception
  - event_type: shop.both
    priority: error
    record:
      - {instance_id: payload.id, message: payload.reason}
      - {instance_id: payload.plan, message: payload.reason}
  - event_type: shop.*
    priority: error
    when: {payload.kind: order}
    message: class
    record:
      instance_id: payload.id
      message: {path: payload.reason, form: repr, text: It failed.}
      exception: payload.reason
"""


@pytest.fixture(scope="module")
def shop():
    return profile.parse("shop.yaml", PROFILE)


def notification(event, priority="ERROR", **payload):
    payload = {"id": ID, "kind": "order", **payload}
    return {
        "event_type": f"shop.{event}",
        "priority": priority,
        "payload": payload,
    }


def told(shop, event, **payload):
    (row,) = shop.sources.extract(notification(event, **payload)).faults
    return row


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        (
            "move",
            {"size": 3, "other": ID},
            f"There is no room for 3 boxes beside {ID}.",
        ),
        (
            "move",
            {"size": "-4.5", "other": ID},
            f"There is no room for -4.5 boxes beside {ID}.",
        ),
        ("move", {"size": "3 and host-7", "other": ID}, "There is no room."),
        ("move", {"size": True, "other": ID}, "There is no room."),
        ("move", {"size": None, "other": ID}, "There is no room."),
        ("move", {"size": 3, "other": "{size}"}, "There is no room."),
        ("sell", {"size": 3, "other": ID}, "There is no room."),
    ],
)
def test_a_sentence_takes_nothing_but_numbers_and_ids(
    shop, kind, payload, message
):
    row = told(shop, kind, reason="NoRoom('on host-7')", **payload)

    assert row.message == message
    assert row.details == "NoRoom: on host-7"


@pytest.mark.parametrize(
    ("kind", "reason", "message"),
    [
        ("move", "shop.errors.FullShelf('host-7')", "FullShelf"),
        ("sell", "KeyError('host-7')", "KeyError"),
        ("silent", "KeyError('host-7')", "The shop does not answer."),
        ("silent", "no exception at all", "The shop does not answer."),
        ("sell", "no exception at all", "It failed."),
        ("sell", "{'message': 'host-7', 'class': 'KeyError'}", "KeyError"),
        ("sell", "{'message': 'host-7', 'class': 'Key Error'}", "It failed."),
    ],
)
def test_a_sentence_goes_before_a_class_and_that_before_a_text_of_the_profile(
    shop, kind, reason, message
):
    row = told(shop, kind, reason=reason)

    assert row.message == message
    assert "host-7" in row.details or "no exception" in row.details


@pytest.mark.parametrize(
    ("payload", "message", "details"),
    [
        ({"reason": "no bread"}, "no bread", ""),
        ({"reason": "no bread", "trace": "NoneType: None\n"}, "no bread", ""),
        ({"reason": None, "trace": "NoneType: None\n"}, "It failed.", ""),
        (
            {"reason": None, "exception": "NoRoom"},
            "There is no room.",
            "NoRoom",
        ),
        ({"reason": None, "exception": "KeyError"}, "KeyError", "KeyError"),
    ],
)
def test_what_says_nothing_is_left_out(shop, payload, message, details):
    row = told(shop, "tell", **payload)

    assert (row.message, row.details) == (message, details)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"reason": "no bread"}, Kind.TEXT),
        ({"reason": None, "exception": "NoRoom"}, Kind.TEXT),
        ({"reason": None, "exception": "KeyError"}, Kind.NAME),
        ({"reason": "KeyError", "exception": "KeyError('x')"}, Kind.NAME),
        ({"reason": None}, Kind.NOTHING),
        (
            {"reason": "all were tried", "exception": "shop.errors.GaveUp"},
            Kind.SYMPTOM,
        ),
        (
            {"reason": "all were tried", "exception": "shop.errors.Exhausted"},
            Kind.SYMPTOM,
        ),
        ({"reason": "my own", "exception": "other.Exhausted"}, Kind.TEXT),
    ],
)
def test_what_tells_more_of_the_cause_weighs_more(shop, payload, kind):
    assert told(shop, "tell", **payload).weight == cause.weigh(kind, 0)


def test_each_cause_in_a_traceback_adds_to_the_weight(shop):
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nKeyError: 1\n'
    link = "\nThe above exception was the direct cause of the following exception:\n\n"
    handled = "\nDuring handling of the above exception, another exception occurred:\n\n"

    weights = [
        told(shop, "tell", reason="x", trace=text).weight
        for text in ("", trace, trace + handled + trace, trace + link + trace)
    ]

    assert weights == [30, 31, 31, 32]


def test_one_notification_may_tell_of_several_instances(shop):
    rows = shop.sources.extract(
        notification("both", plan=PLAN, reason="no bread")
    ).faults

    assert [(row.instance_id, row.message) for row in rows] == [
        (ID, "no bread"),
        (PLAN, "no bread"),
    ]
    assert (
        shop.sources.extract(notification("both", plan=None, reason="x"))
        .faults[0]
        .instance_id
        == ID
    )


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (notification("sell"), []),
        (
            notification("sell", "INFO"),
            ["events[2] wants another priority than 'INFO'"],
        ),
        (
            notification("sell", kind="gift"),
            ["events[2] wants another payload.kind than 'gift'"],
        ),
        ({"event_type": "x"}, ["no event has the event_type 'x'"]),
    ],
)
def test_a_profile_says_why_no_event_takes_a_notification(shop, sent, lines):
    assert shop.sources.obstacles(sent) == lines


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (
            "      message: {path: payload.reason, text: It failed.}\n",
            "",
            None,
        ),
        (
            "      - {instance_id: payload.id, message: payload.reason}\n",
            "      - {instance_id: payload.id}\n",
            "events[1]: needs in 'record' one of message, details, exception",
        ),
        (
            "    fields: {size: payload.size, other: payload.other}\n",
            "    fields: {size: payload.size}\n",
            "sentences[0]: needs each of its fields in its text, and no others: other",
        ),
        (
            "  - exception: NoRoom\n    text: There",
            "  - text: There",
            "sentences[1]: needs an 'exception', a 'source', or both",
        ),
        (
            "text: It failed.}\n      details",
            "txt: It failed.}\n      details",
            "events[0].record.message.txt: is not a key",
        ),
    ],
)
def test_a_mistake_in_what_is_to_be_told_is_named(old, new, mistake):
    assert old in PROFILE
    text = PROFILE.replace(old, new, 1)
    if mistake is None:
        assert profile.parse("shop.yaml", text).service == "shop"
        return
    with pytest.raises(DocumentError) as caught:
        profile.parse("shop.yaml", text)
    assert any(mistake in line for line in caught.value.mistakes), (
        caught.value.mistakes
    )
