# SPDX-License-Identifier: Apache-2.0
"""The table on SQLite, MariaDB and PostgreSQL."""

import dataclasses
import itertools
import os
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fault_middleware import clock, fault
from fault_middleware.engines import Lookup
from fault_middleware.statements import MOST_ROWS
from tests.fixtures import (
    INSTANCE,
    close,
    make_store,
    new_database,
    relayed,
    rows,
    start,
)

OTHER = "7192eb86-732f-44ab-b41b-404fade7a4bd"
MOMENT = datetime(2026, 11, 20, 20, 36, 5, 250000)
LONG = ["x" * 70000, "€" * 30000, "\U0001f4a9" * 20000]
ON_ONE_DATABASE = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def make(message="m", instance_id=INSTANCE, created=MOMENT, **values):
    return fault.make(
        "trove",
        instance_id,
        **{"message": message, "created": created, **values},
    )


def clear(created):
    return fault.make("trove", INSTANCE, created=created, is_clearance=True)


def test_a_fault_comes_back_as_it_was(any_store):
    made = make(
        message_id="r1",
        details="Traceback\n  über 磁盘 \U0001f4a9",
        event_type="dbaas.instance_create.error",
        request_id="req-1",
        project_id="p1",
        problem={"status": 500},
    )

    assert any_store.record([made]) == 1
    assert any_store.newest("trove", INSTANCE) == made


def test_the_columns_of_the_specification_are_filled(any_store):
    before = clock.utcnow()

    any_store.record([make(), clear(MOMENT + timedelta(seconds=1))])

    stored, cleared = rows(any_store)
    assert stored["deleted"] in (False, 0)
    assert stored["deleted_at"] is None
    assert before.isoformat()[:16] <= str(stored["updated"]).replace(" ", "T")
    assert cleared["deleted"] in (True, 1)
    assert cleared["deleted_at"] == cleared["created"]
    assert (cleared["message"], cleared["details"]) == ("", "")


def test_recording_twice_leaves_one_row(any_store):
    made = make(message_id="r1")

    assert any_store.record([made]) == 1
    assert any_store.record([made, make(message_id="r2"), made]) == 1
    assert len(rows(any_store)) == 2


def as_before(row):
    """The row as a release before this one stores it."""
    return dataclasses.replace(row, id=row.former_id, former_identity=None)


def test_what_a_release_before_has_stored_is_still_one_row(any_store):
    one, two = make(message_id="r1"), make(message_id="r2")
    another = fault.sibling(one, OTHER)
    any_store.record([as_before(one), as_before(another)])

    assert any_store.record([one, another, two]) == 1
    assert any_store.record([one]) == 0

    ids = {row["id"] for row in rows(any_store)}
    assert ids == {one.former_id, another.former_id, two.id}


def test_what_both_releases_have_stored_becomes_one_row(any_store):
    made = make(message_id="r1")
    any_store.record([made])
    any_store.record([as_before(made)])

    any_store.record([made])

    assert [row["id"] for row in rows(any_store)] == [made.former_id]


def test_the_newest_counts_whatever_release_has_stored_it(any_store):
    later = MOMENT + timedelta(seconds=1)
    old, new = make("old", message_id="1"), make("new", OTHER, message_id="2")
    any_store.record([as_before(old), new])
    any_store.record(
        [
            make("newer", created=later, message_id="3"),
            as_before(make("newer", OTHER, later, message_id="4")),
        ]
    )

    found = any_store.newest_of_many("trove", [INSTANCE, OTHER])

    assert {row.message for row in found.values()} == {"newer"}


@pytest.mark.parametrize(
    "created", [None, datetime(2999, 1, 1), datetime(1, 1, 1)]
)
def test_a_report_whose_time_is_wrong_is_one_row(any_store, created):
    for _ in range(2):
        any_store.record([make(created=created, message_id="r1")])

    (row,) = rows(any_store)
    assert str(row["created"])[:4] in ("1970", str(clock.utcnow().year))


def test_nothing_to_record_is_nothing(any_store):
    assert any_store.record([]) == 0


def test_the_newest_by_occurrence_counts_whatever_the_order(any_store):
    moments = [
        MOMENT,
        MOMENT + timedelta(microseconds=1),
        MOMENT - timedelta(days=1),
    ]
    for order in itertools.permutations(moments):
        any_store.record(
            [make(f"{moment:%d %f}", created=moment) for moment in order]
        )

    assert any_store.newest("trove", INSTANCE).message == "20 250001"


def test_of_two_at_the_same_time_one_counts_in_both_queries(any_store):
    one, two = make("one"), make("two")
    any_store.record([one, two])

    newest = max(one, two, key=lambda row: (row.created, row.id))
    assert any_store.newest("trove", INSTANCE) == newest
    assert any_store.newest_of_many("trove", [INSTANCE]) == {INSTANCE: newest}


def test_a_clearance_is_the_newest_row_until_the_next_fault(any_store):
    any_store.record([clear(MOMENT)])
    any_store.record([make(created=MOMENT - timedelta(seconds=1))])
    assert any_store.newest("trove", INSTANCE).is_clearance

    any_store.record([make(created=MOMENT + timedelta(seconds=1))])
    assert not any_store.newest("trove", INSTANCE).is_clearance


def failed(operation, second, **values):
    created = MOMENT + timedelta(seconds=second)
    message = operation or "m"
    return make(message, created=created, operation=operation, **values)


def succeeded(operation, second):
    created = MOMENT + timedelta(seconds=second)
    return fault.make(
        "trove",
        INSTANCE,
        created=created,
        operation=operation,
        is_clearance=True,
    )


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        # An operation ends its own fault, and what failed before it is seen again.
        (
            [failed("attach", 0), failed("extend", 1), succeeded("extend", 2)],
            "attach",
        ),
        (
            [failed("extend", 0), failed("attach", 1), succeeded("extend", 2)],
            "attach",
        ),
        ([failed("extend", 0), succeeded("extend", 1)], None),
        ([failed("extend", 0), succeeded("attach", 1)], "extend"),
        ([failed(None, 0), succeeded("extend", 1)], "m"),
        # What fails afterwards is shown.
        (
            [failed("extend", 0), succeeded("extend", 1), failed("extend", 2)],
            "extend",
        ),
        (
            [failed("extend", 0), failed("extend", 1), succeeded("extend", 2)],
            None,
        ),
    ],
)
def test_a_success_hides_what_failed_of_its_own_operation_in_any_order(
    any_store, stored, shown
):
    any_store.record(stored[::-1])

    found = any_store.newest("trove", INSTANCE)
    (listed,) = [*any_store.newest_of_many("trove", [INSTANCE]).values()] or [
        None
    ]

    assert listed == found
    assert (found and found.message) == shown


def test_of_many_whose_operations_succeeded_the_rest_is_shown(any_store):
    ids = [f"i{number}" for number in range(40)]
    rows = []
    for instance_id in ids:
        for second, operation in enumerate(["attach", "extend", "resize"]):
            created = MOMENT + timedelta(seconds=second)
            about = {"created": created, "operation": operation}
            rows.append(
                fault.make("trove", instance_id, message=operation, **about)
            )
        for second, operation in enumerate(["extend", "resize"], 3):
            created = MOMENT + timedelta(seconds=second)
            about = {"created": created, "operation": operation}
            rows.append(
                fault.make("trove", instance_id, is_clearance=True, **about)
            )
    any_store.record(rows)

    found = any_store.newest_of_many("trove", [*ids, "another"])

    assert {name: row.message for name, row in found.items()} == dict.fromkeys(
        ids, "attach"
    )


def test_an_instance_whose_many_operations_all_succeeded_shows_nothing(
    any_store,
):
    names = [f"operation {number}" for number in range(12)]
    any_store.record(
        [failed(name, second) for second, name in enumerate(names)]
    )
    any_store.record(
        [succeeded(name, second) for second, name in enumerate(names, 20)]
    )

    assert any_store.newest("trove", INSTANCE) is None


def test_no_success_brings_a_cause_back_that_another_one_ended(any_store):
    cause, symptom, _ = reports(1)
    cause = dataclasses.replace(cause, operation="extend")
    success = fault.make(
        "trove",
        "i0",
        created=cause.created,
        is_clearance=True,
        operation="extend",
    )
    any_store.record([cause, success, symptom])

    assert any_store.newest("trove", "i0").message == symptom.message


def test_a_success_of_what_never_failed_is_no_row(any_store):
    now = clock.utcnow()
    any_store.record([failed("attach", 0), failed("extend", 0)])
    successes = [
        fault.make(
            "trove", INSTANCE, created=now, operation=name, is_clearance=True
        )
        for name in ("extend", "resize")
    ]

    assert any_store.record_successes(successes) == 1
    assert any_store.record_successes(successes) == 0
    assert any_store.newest("trove", INSTANCE).message == "attach"


def test_a_success_that_comes_late_is_kept_for_a_failure_that_comes_later(
    any_store,
):
    assert any_store.record_successes([succeeded("extend", 1)]) == 1
    any_store.record([failed("extend", 0)])

    assert any_store.newest("trove", INSTANCE) is None


def reports(count):
    """A cause and, later, two symptoms of it, for each of several instances."""
    begin = clock.utcnow() - timedelta(minutes=5)
    weights = {"refused": 31, "no more hosts": 10, "no host": 11}
    rows = []
    for number, instance_id in enumerate(
        f"i{number}" for number in range(count)
    ):
        for second, (message, weight) in enumerate(weights.items()):
            created = begin + timedelta(seconds=second)
            about = {
                "request_id": f"req-{number}",
                "weight": weight,
                "created": created,
            }
            rows.append(
                fault.make("trove", instance_id, message=message, **about)
            )
    return rows


def test_the_cause_is_found_whatever_was_stored_last(any_store):
    any_store.record(reports(40)[::-1])
    ids = [f"i{number}" for number in range(40)]

    assert any_store.newest("trove", "i0").message == "refused"
    shown = any_store.newest_of_many("trove", ids)
    assert {
        instance_id: row.message for instance_id, row in shown.items()
    } == dict.fromkeys(ids, "refused")


def test_without_a_request_the_cause_of_the_last_seconds_is_found(any_store):
    now = clock.utcnow()
    told = {"long ago": (60, 39), "refused": (2, 31), "no more hosts": (0, 10)}
    for message, (age, weight) in told.items():
        created = now - timedelta(seconds=age)
        row = fault.make(
            "trove", "i0", message=message, created=created, weight=weight
        )
        any_store.record([row])
    (named, *_) = reports(2)[3:]
    any_store.record([named])

    shown = any_store.newest_of_many("trove", ["i0", "i1"])

    assert any_store.newest("trove", "i0").message == "refused"
    assert shown["i0"].message == "refused"
    assert shown["i1"].message == "refused"


def test_a_time_in_the_year_1_stops_no_look_up(any_store):
    made = fault.make("trove", "i0", message="said nothing", weight=30)
    of_the_year_1 = dataclasses.replace(made, created=datetime(1, 1, 1))
    any_store.record([of_the_year_1])

    assert any_store.newest("trove", "i0").message == "said nothing"


def test_a_cause_that_was_cleared_stays_cleared(any_store):
    cause, symptom, _ = reports(1)
    clearance = fault.make(
        "trove", "i0", is_clearance=True, created=cause.created
    )
    any_store.record([cause, clearance, symptom])

    assert any_store.newest("trove", "i0").message == symptom.message


def test_a_cause_is_of_the_same_service_and_instance(any_store):
    _, symptom, _ = reports(1)
    elsewhere = fault.make(
        "nova", "i0", message="of nova", request_id="req-0", weight=39
    )
    another = fault.make(
        "trove", "i1", message="of i1", request_id="req-0", weight=39
    )
    any_store.record([elsewhere, another, symptom])

    assert any_store.newest("trove", "i0").message == symptom.message
    assert (
        any_store.newest_of_many("trove", ["i0"])["i0"].message
        == symptom.message
    )


def test_an_instance_without_a_row_has_none(any_store):
    any_store.record([make()])

    assert any_store.newest("trove", OTHER) is None
    assert any_store.newest("nova", INSTANCE) is None
    assert any_store.newest_of_many("trove", [OTHER]) == {}
    assert any_store.newest_of_many("nova", [INSTANCE]) == {}
    assert any_store.newest_of_many("trove", []) == {}


@pytest.mark.parametrize("count", [1, 3, 200, 201, 450])
def test_many_instances_cost_one_query_for_each_200(
    any_store, count, monkeypatch
):
    ids = [f"instance-{number}" for number in range(count)]
    any_store.record(
        [make(one, one, MOMENT - timedelta(hours=1)) for one in ids]
    )
    any_store.record([make(one, one) for one in ids[::2]])
    queries, query = [], Lookup.rows
    monkeypatch.setattr(
        Lookup, "rows", lambda *args: queries.append(args) or query(*args)
    )

    found = any_store.newest_of_many("trove", [*ids, "nobody", *ids])

    assert {one: row.message for one, row in found.items()} == {
        one: one for one in ids
    }
    assert all(found[one].created == MOMENT for one in ids[::2])
    assert len(queries) == -(-(count + 1) // 200)


@pytest.fixture
def slow_queries(still_clock, monkeypatch):
    """The look-ups so far, each of which takes 1.5 of the two seconds that they may take."""
    queries, query = [], Lookup.rows

    def slow_query(*arguments):
        queries.append(arguments)
        still_clock.now += 1.5
        return query(*arguments)

    monkeypatch.setattr(Lookup, "rows", slow_query)
    return queries


@pytest.mark.parametrize("symptoms", [0, 40])
def test_no_look_up_of_a_list_begins_when_time_is_up(
    any_store, slow_queries, symptoms
):
    any_store.record(reports(symptoms))
    ids = [f"i{n}" for n in range(symptoms or 1000)]

    with pytest.raises(TimeoutError):
        any_store.newest_of_many("trove", ids)

    assert len(slow_queries) == 2


def test_no_look_up_of_a_show_begins_when_time_is_up(any_store, slow_queries):
    any_store.record(
        [succeeded(f"operation {second}", second) for second in range(4)]
    )

    with pytest.raises(TimeoutError):
        any_store.newest("trove", INSTANCE)

    assert len(slow_queries) == 2


def test_long_texts_are_read_only_where_they_are_asked_for(any_store):
    made = make(details="Traceback", problem={"status": 500})
    any_store.record([made])

    (brief,) = any_store.newest_of_many(
        "trove", [INSTANCE, OTHER], with_details=False
    ).values()

    assert brief == dataclasses.replace(made, details="", problem=None)
    assert any_store.newest_of_many("trove", [INSTANCE, OTHER]) == {
        INSTANCE: made
    }


def test_an_id_that_the_database_takes_for_another_is_another(any_store):
    any_store.record([make("of My-Stack", "My-Stack")])

    for other in ("my-stack", "MY-STACK", "My-Stack ", "My-Stäck"):
        assert any_store.newest("trove", other) is None
        assert any_store.newest_of_many("trove", [other]) == {}


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
def test_a_look_up_is_one_round_trip(server, request):
    with (
        new_database(request.getfixturevalue(server)) as url,
        relayed(url) as relay,
    ):
        store = make_store(relay.url)
        store.record([make()])
        store.newest("trove", INSTANCE)
        store.newest_of_many("trove", [INSTANCE, OTHER])
        trips = []

        for look_up in (
            lambda: store.newest("trove", INSTANCE),
            lambda: store.newest("trove", OTHER),
            lambda: store.newest_of_many("trove", [INSTANCE, OTHER]),
        ):
            before = relay.trips
            look_up()
            trips.append(relay.trips - before)
        close(store)

    assert trips == [1, 1, 1]


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
def test_a_connection_that_the_server_closed_is_replaced(server, request):
    with (
        new_database(request.getfixturevalue(server)) as url,
        relayed(url) as relay,
    ):
        store = make_store(relay.url)
        store.record([make()])
        store.newest("trove", INSTANCE)

        relay.cut()

        assert store.newest("trove", INSTANCE).message == "m"
        close(store)


def test_a_forked_process_opens_connections_of_its_own(any_store):
    any_store.record([make()])
    any_store.newest("trove", INSTANCE)

    pid = os.fork()
    if pid == 0:
        try:
            found = all(any_store.newest("trove", INSTANCE) for _ in range(50))
            any_store.record([make(str(number)) for number in range(5)])
            os._exit(0 if found else 1)
        except BaseException:
            os._exit(2)
    for _ in range(50):
        assert any_store.newest("trove", INSTANCE).instance_id == INSTANCE

    assert os.waitpid(pid, 0)[1] == 0
    assert len(rows(any_store)) == 6


@ON_ONE_DATABASE
@given(
    st.text(st.characters()), st.text(st.characters()) | st.binary(max_size=9)
)
def test_every_text_is_stored_and_read_as_it_was_cleaned(
    any_store, message, details
):
    made = make(message, details=details)

    any_store.record([made])

    assert any_store.newest_of_many(
        "trove", [INSTANCE]
    )  # also reads the odd ones
    stored = {row["id"]: row for row in rows(any_store)}[made.id]
    assert (stored["message"], stored["details"]) == (
        made.message,
        made.details,
    )


@pytest.mark.parametrize("text", LONG)
def test_the_longest_texts_fit(any_store, text):
    made = make(text, details=text)

    any_store.record([made])

    assert any_store.newest("trove", INSTANCE) == made


@pytest.fixture(scope="module")
def mariadb_of_old():
    """A MariaDB with the defaults of old: three bytes for a character, and no strictness."""
    options = ("--character-set-server=utf8mb3", "--sql-mode=")
    with start("mariadb", options=options) as port:
        yield f"mysql+pymysql://root@127.0.0.1:{port}"


# Where sql_mode is empty oslo.db is told to leave the server's as it is.
@pytest.mark.parametrize("sql_mode", ["TRADITIONAL", ""])
def test_a_lax_server_cuts_and_loses_nothing(mariadb_of_old, sql_mode):
    with new_database(mariadb_of_old) as url:
        store = make_store(url, mysql_sql_mode=sql_mode)
        with store.writer.connect() as connection:
            mode, charset = connection.exec_driver_sql(
                "SELECT @@SESSION.sql_mode, @@character_set_database"
            ).one()

        @ON_ONE_DATABASE
        @given(st.text(st.characters()), st.text(st.characters()))
        def check(message, details):
            made = make(message, details=details)
            store.record([made])
            stored = {row["id"]: row for row in rows(store)}[made.id]
            assert (stored["message"], stored["details"]) == (
                made.message,
                made.details,
            )

        check()
        for number, text in enumerate(LONG, 1):
            made = make(
                text, details=text, created=MOMENT + timedelta(seconds=number)
            )
            store.record([made])
            assert store.newest("trove", INSTANCE) == made
        close(store)

    assert ("STRICT" in mode) == bool(sql_mode)
    assert charset == "utf8mb3"


def test_the_history_of_an_instance_is_the_newest_first_without_long_texts(
    any_store,
):
    made = [
        make(
            f"m{number}",
            created=MOMENT + timedelta(seconds=number),
            details="d",
        )
        for number in range(3)
    ]
    cleared = clear(MOMENT + timedelta(seconds=5))
    any_store.record([*made, cleared, make("other", OTHER)])
    any_store.record([fault.make("nova", INSTANCE, message="of Nova")])

    found = any_store.history("trove", INSTANCE)

    short = [dataclasses.replace(row, details="") for row in reversed(made)]
    assert found == [cleared, *short]
    assert any_store.history("trove", INSTANCE.upper()) == []


def test_rows_are_completed_with_their_long_texts(any_store):
    made = [
        make(f"m{number}", details=f"d{number}", problem={"status": 500})
        for number in range(5)
    ]
    any_store.record(made)

    found = any_store.history("trove", INSTANCE)

    assert any_store.whole(found) == {row.id: row for row in made}
    assert any_store.whole(found[:1]) == {
        row.id: row for row in made if row.id == found[0].id
    }
    assert any_store.whole([]) == {}


def test_the_history_of_an_instance_with_many_rows_is_bounded(any_store):
    made = [
        make(f"m{number}", created=MOMENT + timedelta(seconds=number))
        for number in range(MOST_ROWS + 10)
    ]
    any_store.record(made)

    found = any_store.history("trove", INSTANCE)

    assert len(found) == MOST_ROWS
    assert found[0] == made[-1]


def test_a_node_that_has_lost_the_others_is_left_without_a_traceback(
    store, monkeypatch, caplog
):
    """Such a node of Galera refuses to commit, and to roll back too."""
    dialect = store.writer.dialect
    split = "(1180, 'x (provider status: Not connected to Primary Component)')"

    def refuse(connection):
        raise dialect.dbapi.OperationalError(split)

    with monkeypatch.context() as patched:
        patched.setattr(dialect, "do_commit", refuse)
        patched.setattr(dialect, "do_rollback", refuse)
        with pytest.raises(Exception, match="Not connected to Primary"):
            store.record([fault.make("trove", INSTANCE, message="boom")])

    assert "Exception during reset" not in caplog.text
    assert store.record([fault.make("trove", INSTANCE, message="boom")]) == 1
