# SPDX-License-Identifier: Apache-2.0
import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import pytest

from fault_middleware import fault, profile, sources
from fault_middleware.metrics import Metrics
from fault_middleware.recorder import Recorder
from tests.fixtures import INSTANCE, rows

REFUSE = (
    "CREATE TRIGGER no BEFORE INSERT ON instance_faults WHEN {}"
    " BEGIN SELECT RAISE(ABORT, 'no'); END"
)

# A notification of a failure.
FAILED = {
    "event_type": "dbaas.x.error",
    "priority": "info",
    "message_id": "m-1",
    "payload": {"instance_id": INSTANCE, "message": "one"},
}


def execute(store, statement):
    with store.writer.begin() as connection:
        connection.exec_driver_sql(statement)


def refuse(store, condition):
    """Let the database refuse rows, and go on working."""
    execute(store, REFUSE.format(condition))


def make(message, **values):
    return fault.make(
        "trove", INSTANCE, message=message, message_id=message, **values
    )


def messages(store):
    return sorted(row["message"] for row in rows(store))


class Waits:
    """The waits of a recorder; in the one of a number, something is done instead."""

    def __init__(self, number=None, act=None, give_up=False):
        self.seconds = []
        self._number, self._act, self._give_up = number, act, give_up

    def __call__(self, seconds):
        self.seconds.append(seconds)
        if len(self.seconds) == self._number:
            self._act()
        return self._give_up


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def recorder(store, metrics):
    return Recorder(
        [profile.load("trove")], store, metrics, clear_on_success="none"
    )


def test_a_row_that_is_refused_costs_the_good_ones_beside_it_nothing(
    recorder, store, metrics
):
    refuse(store, "new.message LIKE 'poison%'")
    waits = Waits()

    done = recorder.record(
        [make("one"), make("poison"), make("two"), make("poison-2")], waits
    )

    assert done
    assert messages(store) == ["one", "two"]
    assert {
        "dropped_total[refused by the database]=2",
        "faults_stored_total=2",
    } <= set(metrics.counts())
    # Two rows, each of which a working database may have refused for a passing reason.
    assert waits.seconds == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2] * 2


def test_a_row_that_is_refused_twice_is_stored_in_ascii(
    recorder, store, metrics
):
    refuse(store, "new.message GLOB '*[^ -~]*' OR new.project_id IS NOT NULL")
    made = make(
        "voll: 磁盘",
        details="über",
        request_id="req-1",
        project_id="p1",
        event_type="e",
    )

    assert recorder.record([made], Waits())

    (row,) = rows(store)
    assert (row["message"], row["details"]) == (
        "voll: \\u78c1\\u76d8",
        "\\xfcber",
    )
    assert (row["id"], row["instance_id"], row["service"]) == (
        made.id,
        INSTANCE,
        "trove",
    )
    assert (row["event_type"], row["request_id"], row["project_id"]) == (
        None,
        None,
        None,
    )
    assert not [
        line for line in metrics.counts() if line.startswith("dropped")
    ]


def test_in_ascii_too_a_row_is_within_the_limits_of_the_table(recorder, store):
    refuse(store, "new.message GLOB '*[^ -~]*'")

    assert recorder.record([make("磁" * 255, details="盘" * 20000)], Waits())

    (row,) = rows(store)
    assert len(row["message"]) <= fault.MESSAGE_CHARACTERS
    assert len(row["details"].encode()) <= fault.DETAILS_BYTES


def test_what_is_dropped_is_named_in_the_log_without_its_text(
    recorder, store, caplog
):
    refuse(store, "new.service <> '-'")
    made = make("a text of nobody's business")

    assert recorder.record([made], Waits())

    assert rows(store) == []
    assert made.id in caplog.text
    assert INSTANCE in caplog.text
    assert "nobody's business" not in caplog.text


def test_a_database_that_comes_back_gets_everything_in_order(
    recorder, store, metrics
):
    execute(store, "ALTER TABLE instance_faults RENAME TO elsewhere")

    def mend():
        assert "database (storing)" in metrics.health.failures
        execute(store, "ALTER TABLE elsewhere RENAME TO instance_faults")

    waits = Waits(10, mend)

    assert recorder.record([make("one"), make("two")], waits)

    assert messages(store) == ["one", "two"]
    assert waits.seconds == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]
    assert metrics.health.failures == {}
    assert {"retries_total=10", "faults_stored_total=2"} <= set(
        metrics.counts()
    )


def test_who_gives_up_is_told_that_it_is_not_stored(recorder, store, metrics):
    execute(store, "DROP TABLE instance_faults")
    waits = Waits(give_up=True)

    assert not recorder.record([make("one"), make("two")], waits)

    assert waits.seconds == [0.1]
    assert not [
        line for line in metrics.counts() if line.startswith("dropped")
    ]


def test_who_gives_up_behind_a_row_that_is_refused_is_told_too(
    recorder, store
):
    refuse(store, "new.message = 'poison'")
    waits = Waits(give_up=True)
    record, calls = store.record, []

    def record_then_fail(made):
        calls.append(made)
        if len(calls) == 2:
            execute(store, "ALTER TABLE instance_faults RENAME TO elsewhere")
        return record(made)

    store.record = record_then_fail

    assert not recorder.record(
        [make("one"), make("poison"), make("two")], waits
    )


def test_the_same_again_is_counted_as_a_duplicate(recorder, store, metrics):
    made = make("one")

    for one in (made, dataclasses.replace(made)):
        assert recorder.record([one], Waits())

    assert messages(store) == ["one"]
    assert {"faults_stored_total=1", "duplicates_total=1"} <= set(
        metrics.counts()
    )


def test_nothing_to_store_asks_no_database(recorder, store):
    execute(store, "DROP TABLE instance_faults")

    assert recorder.record([], Waits(give_up=True))


def test_a_notification_that_upsets_a_profile_is_counted_and_lost_alone(
    store, metrics, caplog
):
    class Upset:
        def extract(self, notification):
            raise RuntimeError("upset")

    recorder = Recorder(
        [SimpleNamespace(sources=Upset()), profile.load("trove")],
        store,
        metrics,
        clear_on_success="none",
    )

    (row,) = recorder.extract(FAILED)

    assert row.message == "one"
    assert {
        "errors_total[extract]=1",
        "notifications_received_total=1",
    } <= set(metrics.counts())
    assert "dbaas.x.error m-1" in caplog.text


def test_who_may_publish_forges_no_line_of_the_log(recorder, caplog):
    forged = "\r\n2026-11-26 12:00:00 CRITICAL keystone root logged in\x1b[31m"

    recorder.extract(
        {
            "event_type": f"dbaas.{forged}.error",
            "priority": "info",
            "message_id": f"m{forged}",
            "payload": {"instance_id": "no id"},
        }
    )

    (line,) = caplog.messages
    assert line.isprintable()
    assert "\\r\\n2026" in line


def test_that_nothing_can_be_stored_is_said_before_the_first_fault_comes(
    recorder, store, caplog
):
    recorder.check()
    assert not caplog.records
    execute(store, "DROP TABLE instance_faults")
    recorder.check()

    assert "database (storing): no fault could be stored now: " in caplog.text


def of_many(count):
    """A notification of so many instances, with details as long as can be."""
    payload = {
        "instance_ids": [f"i{number}" for number in range(count)],
        "message": "boom",
        "exception": "begin " + "x" * 80_000 + " end",
    }
    return {
        "event_type": "many.error",
        "priority": "error",
        "message_id": "m-1",
        "payload": payload,
    }


@pytest.fixture
def recorder_of_many(store, metrics, tmp_path):
    """A recorder with a profile whose notifications name many instances."""
    file = tmp_path / "many.yaml"
    file.write_text(
        "service: many\n"
        "events:\n"
        "- event_type: many.error\n"
        "  priority: error\n"
        "  record:\n"
        "    instance_id: payload.instance_ids\n"
        "    message: payload.message\n"
        "    details: payload.exception\n"
    )
    return Recorder(
        [profile.load(str(file))], store, metrics, clear_on_success="none"
    )


@pytest.mark.parametrize("count", [65, 1_000, 4_000])
def test_details_of_many_instances_share_what_one_notification_may_take(
    recorder_of_many, count
):
    made = recorder_of_many.extract(of_many(count))

    assert len(made) == count
    assert sum(fault.size(row) for row in made) < 5 * 2**20
    for row in made[:: count - 1]:
        assert (row.message, row.details[:5], row.details[-3:]) == (
            "boom",
            "begin",
            "end",
        )


def test_details_of_some_instances_are_whole(recorder_of_many):
    made = recorder_of_many.extract(of_many(64))

    assert {len(row.details) > 65_000 for row in made} == {True}


def test_of_too_many_instances_the_first_are_stored_and_the_others_told(
    recorder_of_many, metrics, caplog
):
    made = recorder_of_many.extract(of_many(10_002))

    assert len(made) == 10_000
    assert "2 of 10002 ids: only the first 10000 are used" in caplog.text
    assert "dropped_total[no instance]=1" in metrics.counts()


def test_a_package_that_is_upgraded_on_disk_changes_no_running_consumer(
    store, metrics, monkeypatch
):
    read = profile.load("trove")
    recorder = Recorder([read], store, metrics, clear_on_success="none")

    def fail(*arguments):
        raise ImportError("another release")

    monkeypatch.setattr(sources, "build", fail)

    (row,) = recorder.extract(FAILED)

    assert row.message == "one"


def zone(store, metrics, tmp_path):
    """A recorder of a service that says of a failure only that it happened."""
    file = tmp_path / "zones.yaml"
    file.write_text(
        "service: zones\n"
        "events:\n"
        "  - event_type: zone.error\n"
        "    priority: info\n"
        "    skip_delta: 60\n"
        "    record: {instance_id: payload.id, message: {text: It failed.}}\n"
    )
    profiles = [profile.load(str(file))]
    return Recorder(profiles, store, metrics, clear_on_success="none")


@pytest.mark.parametrize(
    ("age", "instance_id", "stored"),
    [
        (30, "z1", ["rndc refused"]),
        (90, "z1", ["It failed.", "rndc refused"]),
        (30, "z2", ["It failed.", "rndc refused"]),
    ],
)
@pytest.mark.parametrize("is_one_batch", [False, True])
def test_what_says_only_that_it_failed_is_not_stored_over_the_reason(
    store, metrics, tmp_path, age, instance_id, stored, is_one_batch
):
    recorder = zone(store, metrics, tmp_path)
    event = {
        "event_type": "zone.error",
        "priority": "info",
        "message_id": "m-1",
        "payload": {"id": "z1"},
    }
    (failed,) = recorder.extract(event)
    reason = fault.make(
        "zones",
        instance_id,
        message="rndc refused",
        created=failed.created - timedelta(seconds=age),
        weight=30,
    )

    batches = [[failed, reason]] if is_one_batch else [[reason], [failed]]
    for batch in batches:
        assert recorder.record(batch, Waits())

    assert messages(store) == stored


def test_where_nobody_can_look_what_says_only_that_it_failed_is_stored(
    store, metrics, tmp_path, monkeypatch
):
    recorder = zone(store, metrics, tmp_path)
    event = {
        "event_type": "zone.error",
        "priority": "info",
        "message_id": "m-1",
        "payload": {"id": "z1"},
    }

    def look(*_):
        raise OSError("the replica is away")

    monkeypatch.setattr(store, "newest", look)
    waits = Waits()

    assert recorder.record(recorder.extract(event), waits)

    assert messages(store) == ["It failed."]
    assert waits.seconds == []


def test_what_says_only_that_it_failed_is_stored_where_nothing_else_is(
    store, metrics, tmp_path
):
    recorder = zone(store, metrics, tmp_path)
    event = {
        "event_type": "zone.error",
        "priority": "info",
        "message_id": "m-1",
        "payload": {"id": "z1"},
    }

    for _ in range(2):  # it is delivered twice
        assert recorder.record(recorder.extract(event), Waits())

    assert messages(store) == ["It failed."]
    assert "duplicates_total=1" in metrics.counts()
