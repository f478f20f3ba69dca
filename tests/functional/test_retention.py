# SPDX-License-Identifier: Apache-2.0
"""What is purged, and above all what is not, on each database."""

import itertools
import threading
import time
from datetime import datetime, timedelta

import pytest

from fault_middleware import clock, fault, models, retention
from fault_middleware.archive import Archive, Outdated
from fault_middleware.metrics import Metrics
from fault_middleware.retention import Retention
from tests.fixtures import rows

DAY = timedelta(days=1)


def record(
    store, instance_id, *ages, service="trove", is_clearance=False, of=None
):
    """Store faults that happened so many days ago, each with its age as the message.

    :param of: the operation
    """
    now = clock.utcnow()
    store.record(
        [
            fault.make(
                service,
                instance_id,
                message=str(age),
                created=now - age * DAY,
                is_clearance=is_clearance,
                operation=of,
            )
            for age in ages
        ]
    )


def left(store):
    """Instance and message of the rows that are there."""
    return sorted((row["instance_id"], row["message"]) for row in rows(store))


def purge(store, days=0, most=0, **options):
    """Purge, and return how many rows went."""
    retention = Retention(Archive(store), Metrics(), days, most)
    return sum(step.gone for step in retention.purge(**options))


def test_old_faults_go_but_the_newest_of_each_instance_stays(any_store):
    record(any_store, "a", 90, 60, 2)
    record(any_store, "b", 90, 60)

    assert purge(any_store, days=30) == 3
    assert left(any_store) == [("a", "2"), ("b", "60")]
    assert any_store.newest("trove", "b").message == "60"


def test_the_newest_of_each_service_stays(any_store):
    record(any_store, "a", 90, 60)
    record(any_store, "a", 70, 50, service="nova")

    assert purge(any_store, days=30) == 2
    assert left(any_store) == [("a", "50"), ("a", "60")]


def test_a_cleared_instance_loses_its_old_faults_and_at_last_the_clearance(
    any_store,
):
    record(any_store, "a", 90, 60)
    record(any_store, "a", 20, is_clearance=True)

    assert purge(any_store, days=30) == 2
    assert any_store.newest("trove", "a").is_clearance
    assert purge(any_store, days=10) == 1
    assert left(any_store) == []


def test_an_operation_that_went_well_loses_its_old_faults_and_no_others(
    any_store,
):
    record(any_store, "a", 90, of="attach")
    record(any_store, "a", 80, of="extend")
    record(any_store, "a", 70, of="extend", is_clearance=True)

    assert purge(any_store, days=75) == 1
    assert any_store.newest("trove", "a").message == "90"
    assert purge(any_store, days=30) == 1
    assert left(any_store) == [("a", "90")]


def test_of_many_faults_none_comes_back_that_a_success_has_ended(any_store):
    record(any_store, "a", 9, of="attach")
    record(any_store, "a", 8, 7, 6, of="extend")
    record(any_store, "a", 5, of="extend", is_clearance=True)

    purge(any_store, most=2)

    assert any_store.newest("trove", "a").message == "9"
    purge(any_store, most=1)
    assert any_store.newest("trove", "a").message == "9"


def test_the_cause_stays_with_the_newest_of_its_request(any_store):
    now = clock.utcnow()
    said = {"cause": 90, "waited": 89, "gave up": 88}
    for number, (message, age) in enumerate(said.items()):
        row = fault.make(
            "trove",
            "a",
            message=message,
            created=now - age * DAY,
            request_id="req-1",
            weight=39 - 10 * number,
        )
        any_store.record([row])
    record(any_store, "a", 95)

    assert purge(any_store, days=30) == 1
    assert any_store.newest("trove", "a").message == "cause"


def test_the_cause_stays_with_the_newest_of_no_request(any_store):
    begin = clock.utcnow() - 90 * DAY
    told = {"before": 0, "cause": 6, "gave up": 10}
    for message, second in told.items():
        created = begin + timedelta(seconds=second)
        weight = 39 - second
        row = fault.make(
            "trove", "a", message=message, created=created, weight=weight
        )
        any_store.record([row])

    assert purge(any_store, days=30) == 1
    assert any_store.newest("trove", "a").message == "cause"


@pytest.mark.parametrize("request_id", [None, "req-1"])
def test_what_a_clearance_hides_does_not_outlive_it(any_store, request_id):
    begin = clock.utcnow() - 90 * DAY
    told = {"cleared": (0, 39), "": (1, None), "gave up": (2, 10)}
    for message, (second, weight) in told.items():
        row = fault.make(
            "trove",
            "a",
            message=message,
            created=begin + timedelta(seconds=second),
            request_id=request_id,
            weight=weight,
            is_clearance=not message,
        )
        any_store.record([row])

    purge(any_store, days=30)

    assert any_store.newest("trove", "a").message == "gave up"


def record_of_two_requests(store, instance_id):
    """A cause, what happened under another request, and what the cause led to."""
    begin = clock.utcnow() - 90 * DAY
    told = {
        "cause": ("req-1", 39),
        "else": ("req-2", 31),
        "end": ("req-1", 10),
    }
    for second, (message, (request_id, weight)) in enumerate(told.items()):
        row = fault.make(
            "trove",
            instance_id,
            message=message,
            created=begin + timedelta(seconds=second),
            request_id=request_id,
            weight=weight,
        )
        store.record([row])


def test_a_shown_cause_stays_wherever_a_step_of_the_retention_ends(
    any_store, monkeypatch
):
    record(any_store, "a", 99, 98, 97)
    record_of_two_requests(any_store, "b")

    for limit in range(2, 7):
        monkeypatch.setattr(retention, "_LOOK", limit)
        purge(any_store, days=30)

        assert any_store.newest("trove", "b").message == "cause"
    assert left(any_store) == [("a", "97"), ("b", "cause"), ("b", "end")]


def test_of_one_request_without_end_the_newest_stay(any_store):
    now = clock.utcnow()
    made = [
        fault.make(
            "trove",
            "a",
            message=f"{age}",
            created=now - age * DAY,
            request_id="req-1",
        )
        for age in range(40, 140)
    ]
    any_store.record(made)

    assert purge(any_store, days=30) == 80


def test_of_many_faults_the_newest_stay(any_store):
    record(any_store, "a", 5, 4, 3, 2, 1)
    record(any_store, "b", 1)

    assert purge(any_store, most=2) == 3
    assert left(any_store) == [("a", "1"), ("a", "2"), ("b", "1")]


def test_clearances_do_not_count_as_faults(any_store):
    record(any_store, "a", 5, 3)
    record(any_store, "a", 4, 2, is_clearance=True)

    assert purge(any_store, most=2) == 0


def test_however_it_is_broken_off_no_cleared_fault_comes_back(
    any_store, monkeypatch
):
    record(any_store, "a", *range(50, 650))
    record(any_store, "a", 45, is_clearance=True)
    deleted = Archive.delete
    monkeypatch.setattr(
        Archive, "delete", lambda *args: deleted(*args) and 1 / 0
    )

    with pytest.raises(ZeroDivisionError):
        purge(any_store, days=30)

    assert 0 < len(rows(any_store)) < 601
    assert any_store.newest("trove", "a").is_clearance


def test_nothing_goes_in_a_dry_run(any_store):
    record(any_store, "a", 90, 60)

    assert purge(any_store, days=30, dry_run=True) == 1
    assert len(rows(any_store)) == 2


def test_nothing_goes_where_all_is_kept(any_store):
    record(any_store, "a", 9000, 90)

    assert purge(any_store) == 0


def test_more_instances_than_fit_in_a_step(any_store):
    now = clock.utcnow()
    for age in (90, 60):
        made = [
            fault.make(
                "trove", f"i{n:04}", message=str(age), created=now - age * DAY
            )
            for n in range(450)
        ]
        any_store.record(made)

    assert purge(any_store, days=30) == 450
    assert {row["message"] for row in rows(any_store)} == {"60"}


def test_one_process_at_a_time_is_let(any_store):
    begin = threading.Barrier(4)
    let = []

    def ask():
        begin.wait()
        try:
            let.append(Archive(any_store).lease(60))
        except Exception as exc:
            let.append(repr(exc))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(let, key=str) == ["", None, None, None]


def test_another_goes_on_where_one_ended(any_store):
    assert Archive(any_store).lease(60) == ""
    assert Archive(any_store).advance("", "i0042", seconds=-1)

    assert Archive(any_store).lease(60) == "i0042"
    assert Archive(any_store).lease(60) is None


def test_who_was_too_slow_stops(any_store):
    Archive(any_store).lease(-1)
    Archive(any_store).lease(60)
    Archive(any_store).advance("", "i0042", 60)

    assert not Archive(any_store).advance("", "i0001", 60)


def test_an_instance_with_more_faults_than_fit_in_a_step(
    any_store, monkeypatch
):
    monkeypatch.setattr(retention, "_LOOK", 100)
    record(any_store, "a", 2)
    record(any_store, "b", *range(40, 540), 1)
    record(any_store, "b", 600, service="nova")
    record(any_store, "b", 30.5, is_clearance=True)
    record(any_store, "c", 90, 60)

    assert purge(any_store, days=30) == 502
    assert left(any_store) == [
        ("a", "2"),
        ("b", "1"),
        ("b", "600"),
        ("c", "60"),
    ]


def test_many_faults_none_of_which_may_go_hold_nobody_up(
    any_store, monkeypatch
):
    monkeypatch.setattr(retention, "_LOOK", 100)
    record(any_store, "a", 90, service="nova")
    record(any_store, "a", *range(1, 29), *(n / 100 for n in range(200)))
    record(any_store, "b", 90, 60)

    assert purge(any_store, days=30) == 1


@pytest.mark.parametrize("most", [90, 99, 100, 101, 250])
def test_of_more_than_fit_in_a_step_the_newest_stay(
    any_store, monkeypatch, most
):
    monkeypatch.setattr(retention, "_LOOK", 100)
    record(any_store, "a", 1)
    record(any_store, "b", *(n / 100 for n in range(1, 421)))
    record(any_store, "b", 4.105, is_clearance=True)
    record(any_store, "b", *range(10, 10 + most), service="nova")
    record(any_store, "c", *(n / 100 for n in range(1, most + 2)))

    # With what comes before them goes what cleared it.
    assert purge(any_store, most=most) == 420 - most + 1 + 1
    stay = [message for one, message in left(any_store) if one == "b"]
    expected = [str(n / 100) for n in range(1, most + 1)]
    expected += [str(age) for age in range(10, 10 + most)]
    assert sorted(stay) == sorted(expected)
    assert purge(any_store, most=most) == 0


def test_a_step_removes_nearly_all_that_it_looks_at(any_store, monkeypatch):
    monkeypatch.setattr(retention, "_LOOK", 100)
    record(any_store, "a", *(n / 100 for n in range(1, 1001)))

    steps = list(Retention(Archive(any_store), Metrics(), 0, 95).purge())

    assert sum(step.gone for step in steps) == 905
    assert len(steps) <= 905 / 100 + 3


def ends_after(number):
    """A wait that says to end from the ``number``-th time on."""
    calls = itertools.count(1)
    return lambda seconds: next(calls) >= number


def test_of_the_first_instance_another_goes_on_where_one_was_broken_off(
    any_store, monkeypatch
):
    monkeypatch.setattr(retention, "_LOOK", 100)
    # It is over when it begins.
    monkeypatch.setattr(retention, "_LEASE", -1.0)
    record(any_store, "a", *(n / 100 for n in range(1, 421)))

    Retention(Archive(any_store), Metrics(), 0, 100).run(ends_after(3))
    assert len(rows(any_store)) > 100
    Retention(Archive(any_store), Metrics(), 0, 100).run(ends_after(20))

    assert len(rows(any_store)) == 100


def waits(number):
    """A wait that ends the ``number``-th time."""
    calls = iter([False] * (number - 1) + [True])
    return lambda seconds: next(calls)


def test_in_the_background_it_is_done_once_an_hour(any_store):
    metrics = Metrics()
    retention = Retention(Archive(any_store), metrics, 30, 0)
    record(any_store, "a", 90, 60)
    retention.run(waits(4))
    record(any_store, "a", 80)
    retention.run(waits(2))

    assert left(any_store) == [("a", "60"), ("a", "80")]
    assert "faults_purged_total=1" in metrics.counts()


def test_one_clock_in_the_future_removes_nothing_that_is_young(
    any_store, monkeypatch
):
    record(any_store, "a", 90, 20, 10, 1)
    record(any_store, "b", 90, 5)
    monkeypatch.setattr(clock, "utcnow", lambda: datetime(2099, 1, 1))

    assert purge(any_store, days=30) == 2
    assert left(any_store) == [
        ("a", "1"),
        ("a", "10"),
        ("a", "20"),
        ("b", "5"),
    ]


def test_one_clock_in_the_past_removes_nothing(any_store, monkeypatch):
    record(any_store, "a", 90, 60, 1)
    monkeypatch.setattr(clock, "utcnow", lambda: datetime(1970, 1, 1))

    assert purge(any_store, days=30) == 0


@pytest.mark.parametrize("year", [1970, 2099])
def test_after_a_pass_by_a_wrong_clock_others_go_on(
    any_store, monkeypatch, year
):
    metrics = Metrics()
    with monkeypatch.context() as patch:
        patch.setattr(clock, "utcnow", lambda: datetime(year, 1, 1))
        Retention(Archive(any_store), metrics, 30, 0).run(waits(4))
    record(any_store, "a", 90, 60)
    make_due(any_store, clock.utcnow())

    Retention(Archive(any_store), metrics, 30, 0).run(waits(4))

    assert left(any_store) == [("a", "60")]


@pytest.mark.parametrize("due", [datetime(2099, 1, 1), None])
def test_a_lease_that_no_clock_could_give_is_over(any_store, due):
    make_due(any_store, due)

    assert Archive(any_store).lease(60) == ""


def make_due(store, due):
    """Write when there is next something to do, as a release before this one did."""
    with store.writer.begin() as connection:
        connection.execute(models.retention.update().values(due=due))


def test_the_databases_clock_is_utc(any_store):
    assert abs(Archive(any_store).now() - clock.utcnow()) < timedelta(
        minutes=5
    )


def test_after_a_step_it_rests_as_long_as_that_took(any_store, monkeypatch):
    rests = []

    def outdated(*arguments):
        time.sleep(0.2)
        return Outdated(None, [])

    def wait(seconds):
        rests.append(seconds)
        return len(rests) >= 2

    monkeypatch.setattr(Archive, "outdated", outdated)
    Retention(Archive(any_store), Metrics(), 30, 0).run(wait)

    assert 0.2 < rests[1] <= 30


def test_a_table_that_was_not_brought_up_to_date_is_a_trouble(any_store):
    with any_store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE fault_middleware_retention")
    metrics = Metrics()
    Retention(Archive(any_store), metrics, 30, 0).run(waits(2))

    assert metrics.health.failures["retention"].startswith(
        "old faults stay in the table: "
    )
