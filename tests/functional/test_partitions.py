# SPDX-License-Identifier: Apache-2.0
"""The table divided by time: nothing is lost, whatever happens meanwhile; old partitions go."""

import contextlib
import dataclasses
import itertools
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from fault_middleware import clock, fault, key, migration, models
from fault_middleware.archive import Archive
from fault_middleware.cmd import status
from fault_middleware.metrics import Metrics
from fault_middleware.partitions import layout, spent, step, work
from fault_middleware.partitions.period import Period
from fault_middleware.retention import Retention
from fault_middleware.store import Store
from tests.commands import run_manage
from tests.fixtures import (
    close,
    database_options,
    make_store,
    new_database,
    rows,
    write_configuration,
)

DAY = timedelta(days=1)


@pytest.fixture(params=["mariadb", "postgresql"])
def url(request):
    with new_database(request.getfixturevalue(request.param)) as url:
        yield url


@pytest.fixture
def store(url):
    made = make_store(url)
    yield made
    close(made)


@pytest.fixture
def manage(url, tmp_path):
    """Runs a command on the database."""
    file = write_configuration(tmp_path / "service.conf", url)
    return lambda *arguments: run_manage(
        "--config-file", str(file), *arguments
    )


def aged(age, instance_id="i", **values):
    """A fault, or a clearance, of so many days ago; the message says how many."""
    values.setdefault("message", str(age))
    created = clock.utcnow() - age * DAY
    return fault.make("trove", instance_id, created=created, **values)


def record(store, instance_id, *ages, **values):
    store.record([aged(age, instance_id, **values) for age in ages])


def steps(store, period):
    if period is None:
        return work.steps_to_undo(store.unhurried)
    return work.steps_to_divide(store.unhurried, period)


def divide(store, period=Period.MONTH):
    """Divide the table, or undo that with None."""
    for one in steps(store, period):
        step.run(store.unhurried, one, lambda number: None)


def partitions(store):
    with store.writer.connect() as connection:
        return layout.read(connection)


def names(store):
    """The days on which the partitions begin."""
    return [f"{one.begin:%Y-%m-%d}" for one in partitions(store).periods]


def placed(store, row_id):
    """The partition of a row, without the table's name."""
    with store.writer.connect() as connection:
        if connection.dialect.name == "postgresql":
            query = sa.text(
                "SELECT CAST(tableoid::regclass AS text) FROM instance_faults WHERE id = :id"
            )
            name = connection.scalar(query, {"id": row_id})
            return name.removeprefix("instance_faults_")
        for name in ("earlier", "later", "beyond"):
            query = sa.text(
                f"SELECT 1 FROM instance_faults PARTITION ({name}) WHERE id = :id"
            )
            if connection.scalar(query, {"id": row_id}):
                return name
        for one in partitions(store).periods:
            if one.has(row_id):
                return one.name
    return None


def odd_rows():
    """Rows whose keys say no time of theirs: of early releases, of wrong clocks, of none."""
    made = [aged(1, f"odd{number}") for number in range(6)]
    ids = [
        key.former(b"1"),
        key.make(None, b"2"),
        key.make(clock.parse_time("1971-01-01"), b"3"),
        key.make(clock.parse_time("2027-12-31"), b"4"),
        key.make(clock.parse_time("2200-01-01"), b"5"),
        # As of an early release, and in the time of a partition.
        key.first_of(clock.utcnow()).replace("-0000-", "-5000-", 1),
    ]
    return [with_id(*pair) for pair in zip(made, ids, strict=True)]


def with_id(row, row_id):
    """A row with another key, as an early release would have stored it, for example."""
    return dataclasses.replace(row, id=row_id, former_identity=None)


@pytest.mark.parametrize(
    ("period", "days"),
    [(Period.MONTH, 3000), (Period.WEEK, 50), (Period.DAY, 5)],
)
def test_all_rows_are_found_before_and_afterwards_and_when_it_is_undone(
    store, period, days
):
    record(store, "i", *range(0, days, 5))
    store.record(odd_rows())
    before = rows(store)

    divide(store, period)
    assert rows(store) == before
    assert partitions(store).is_ours
    assert store.newest("trove", "i").message == "0"
    divide(store, None)

    assert rows(store) == before
    assert partitions(store) == layout.NONE


def test_rows_whose_time_is_wrong_have_a_place(store):
    divide(store)
    odd = odd_rows()

    store.record(odd)

    found = [placed(store, row.id) for row in odd[1:5]]
    if store.writer.dialect.name == "mysql":
        assert found == ["earlier", "earlier", "later", "beyond"]
    else:
        assert found == ["rest", "rest", "rest", "beyond"]
    assert len(rows(store)) == 6


@pytest.mark.parametrize("is_divided", [True, False])
def test_what_comes_again_is_stored_once(store, is_divided):
    row = aged(0, message_id="m1")
    store.record([row])
    if is_divided:
        divide(store)

    assert store.record([row, aged(1, message_id="m2")]) == 1
    assert store.record([row]) == 0
    assert len(rows(store)) == 2


def test_a_row_of_an_early_release_that_comes_again_is_stored_once(store):
    row = aged(3, message_id="m1")
    assert row.former_id
    store.record([with_id(row, row.former_id)])
    divide(store)

    assert store.record([row]) == 0
    assert [found["id"] for found in rows(store)] == [row.former_id]


class Busy:
    """Somebody who stores, removes and looks up, until told to end.

    :ivar stored: the ids of what was stored
    :ivar removed: the ids of what was removed again
    """

    def __init__(self, url):
        self.stored = set()
        self.removed = set()
        self.wrong = []
        self._end = threading.Event()
        self._store = Store(database_options(url), lookup_timeout=20.0)
        self._threads = [
            threading.Thread(target=self._until_the_end, args=(work,))
            for work in (self._write, self._look_up)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        while len(self.stored) < 20:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        seen = len(self.stored)
        while len(self.stored) < seen + 20 and not self.wrong:
            time.sleep(0.01)
        self._end.set()
        for thread in self._threads:
            thread.join()
        close(self._store)

    def _until_the_end(self, work):
        try:
            for number in itertools.count():
                if self._end.is_set():
                    return
                work(number)
        except Exception as exc:
            self.wrong.append(repr(exc))

    def _write(self, number):
        made = [
            aged(age, "busy", message_id=f"{number} {age}")
            for age in (0, 10, 40)
        ]
        self._store.record(made)
        self._store.record(made[:1])
        self.stored |= {row.id for row in made}
        if number % 3 == 0:
            Archive(self._store).delete([made[1].id])
            self.removed.add(made[1].id)

    def _look_up(self, number):
        assert self._store.newest("trove", "old").message == "90"
        assert set(self._store.newest_of_many("trove", ["old", "x"])) == {
            "old"
        }


def many_rows(store, number=12_000):
    record(store, "old", 90)
    for begin in range(0, number, 2000):
        store.record(
            [
                aged(age % 100, f"i{age % 50}", message_id=f"{age}")
                for age in range(begin, begin + 2000)
            ]
        )


@pytest.mark.parametrize("period", [Period.WEEK, None])
def test_nothing_is_lost_or_twice_while_others_write(url, store, period):
    many_rows(store)
    if period is None:
        divide(store)
    before = {row["id"] for row in rows(store)}

    with Busy(url) as busy:
        divide(store, period)

    assert busy.wrong == []
    found = [row["id"] for row in rows(store)]
    assert len(found) == len(set(found))
    assert set(found) == (before | busy.stored) - busy.removed


class InterruptedError_(BaseException):
    """Somebody ends the command."""


def interrupted(store, period, statements):
    """Work that ends after so many statements; whether it came to its end."""
    left = itertools.count(statements, -1)

    def interrupt(*_):
        if next(left) == 0:
            raise InterruptedError_

    engine = store.unhurried
    sa.event.listen(engine, "before_cursor_execute", interrupt)
    try:
        divide(store, period)
    except InterruptedError_:
        return False
    finally:
        sa.event.remove(engine, "before_cursor_execute", interrupt)
    return True


@pytest.mark.parametrize("then", [Period.MONTH, None])
@pytest.mark.parametrize("period", [Period.MONTH, None])
def test_it_is_repeated_or_undone_wherever_it_was_interrupted(
    store, period, then
):
    if period is None:
        divide(store)
    record(store, "i", *range(0, 100, 9))
    fresh = itertools.count()
    for statements in itertools.count():
        is_whole = interrupted(store, period, statements)
        # What is stored and removed meanwhile is not forgotten.
        newest = f"late {next(fresh)}"
        record(store, "i", 0.001 * (1000 - statements), message=newest)
        Archive(store).delete([rows(store)[0]["id"]])
        before = rows(store)

        divide(store, then)

        assert rows(store) == before
        assert partitions(store).is_divided is (then is not None)
        if is_whole:
            break
        divide(store, None if period else Period.MONTH)
        record(store, "i", 95, message=f"more {statements}")
    least = {"mysql": 2, "postgresql": 20}
    assert statements > least[store.writer.dialect.name]


def tables(store):
    inspector = sa.inspect(store.writer)
    ours = {*models.metadata.tables, migration.VERSION_TABLE}
    found = set(inspector.get_table_names()) - ours
    return {
        name for name in found if not name.startswith("instance_faults_p2")
    }


def test_nothing_is_left_beside_the_table(store):
    record(store, "i", 1)
    divide(store)
    divide(store, None)

    assert tables(store) == set()
    inspector = sa.inspect(store.writer)
    indexes = {
        one["name"]: one["column_names"]
        for one in inspector.get_indexes("instance_faults")
    }
    assert indexes == {
        "instance_faults_newest": ["instance_id", "created", "id"],
        "instance_faults_created": ["created", "id"],
    }


def test_run_again_it_adds_the_partitions_that_come_next(store, monkeypatch):
    record(store, "i", 1)
    divide(store)
    before = names(store)
    later = clock.utcnow() + 70 * DAY
    early = fault.make("trove", "wrong-clock", message="m", created=later)
    much_later = clock.utcnow() + 150 * DAY
    late = fault.make("trove", "late", message="m", created=much_later)
    store.record([early, late])
    assert steps(store, Period.MONTH) == []

    monkeypatch.setattr(clock, "utcnow", lambda: later)
    divide(store)

    assert names(store)[: len(before)] == before
    assert len(names(store)) in (len(before) + 2, len(before) + 3)
    assert partitions(store).end > later + 80 * DAY
    assert len(rows(store)) == 3
    assert placed(store, late.id).startswith("p")
    assert store.record([late]) == 0


def test_partitions_may_be_shorter_from_now_on(store, monkeypatch):
    divide(store)
    later = clock.utcnow() + 95 * DAY
    monkeypatch.setattr(clock, "utcnow", lambda: later)

    divide(store, Period.WEEK)

    last = partitions(store).periods[-1]
    assert last.end - last.begin == 7 * DAY
    assert last.end.weekday() == 0
    # And they stay so.
    assert partitions(store).period is Period.WEEK


def test_the_migrations_go_on_and_find_nothing_wrong(store):
    record(store, "i", 1)
    divide(store)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "DROP INDEX instance_faults_created"
            + (
                " ON instance_faults"
                if connection.dialect.name == "mysql"
                else ""
            )
        )
        connection.exec_driver_sql(
            f"UPDATE {migration.VERSION_TABLE} SET version_num = '0001'"
        )

    migration.sync(store.unhurried)

    assert migration.version(store.writer) == migration.newest()
    assert migration.differences(store.writer) == migration.Differences((), ())
    inspector = sa.inspect(store.writer)
    found = {one["name"] for one in inspector.get_indexes("instance_faults")}
    assert found == {"instance_faults_newest", "instance_faults_created"}
    assert len(rows(store)) == 1
    divide(store)
    assert partitions(store).is_ours


def purge(store, days=30, most=0, **options):
    retention = Retention(Archive(store), Metrics(), days, most)
    found = list(retention.purge(**options))
    dropped = [one.partition for one in found if one.partition]
    return sum(one.gone for one in found), len(dropped)


def statements_of(store):
    """The statements of those who write, as they come."""
    seen = []
    sa.event.listen(
        store.writer,
        "before_cursor_execute",
        lambda conn, cursor, statement, *_: seen.append(statement),
    )
    return seen


def test_what_is_old_goes_with_its_partition_and_the_newest_stays(store):
    record(store, "gone", *range(100, 130))
    record(store, "gone", 99, is_clearance=True)
    record(store, "stays", *range(100, 130))
    record(store, "young", 110, 1)
    divide(store, Period.WEEK)
    before = len(names(store))
    seen = statements_of(store)

    gone, dropped = purge(store)

    assert gone == 61
    assert dropped >= 9
    assert len(names(store)) == before - dropped
    assert not [one for one in seen if one.startswith("DELETE")]
    left = [(row["instance_id"], row["message"]) for row in rows(store)]
    assert sorted(left) == [("stays", "100"), ("young", "1")]
    assert store.newest("trove", "stays").message == "100"
    assert tables(store) <= {"instance_faults_beyond", "instance_faults_rest"}


def test_what_comes_late_has_a_place_where_its_partition_is_gone(store):
    record(store, "i", 100, 1)
    divide(store)
    purge(store)

    late = aged(100, "late")
    assert store.record([late]) == 1
    assert store.newest("trove", "late").message == "100"
    assert purge(store) == (0, 0) or rows(store)[0]["id"] == late.id


def test_carried_rows_are_carried_on(store):
    record(store, "i", 130)
    record(store, "j", *range(60, 125))
    record(store, "k", 1)
    divide(store, Period.WEEK)

    purge(store, days=110)
    purge(store, days=80)
    purge(store, days=40)

    left = {row["instance_id"]: row["message"] for row in rows(store)}
    assert left == {"i": "130", "j": "60", "k": "1"}


def test_a_cause_stays_that_is_in_another_partition_than_the_newest(store):
    record(store, "i", 103, request_id="req-1", message="cause", weight=39)
    record(store, "i", 95, request_id="req-1", message="end", weight=10)
    divide(store, Period.WEEK)

    purge(store)

    assert store.newest("trove", "i").message == "cause"


def test_a_dry_run_names_the_partitions_and_changes_nothing(store, manage):
    record(store, "i", *range(100, 130), 1)
    record(store, "old", 125, 35)
    divide(store, Period.WEEK)
    before, there = rows(store), names(store)

    ended = manage("fault", "purge", "--days", "90", "--dry-run")

    assert ended.code == 0
    assert "would be dropped" in ended.out
    assert ended.out.endswith("31 rows would be removed.\n")
    assert (rows(store), names(store)) == (before, there)

    ended = manage("fault", "purge", "--days", "90")

    assert "was dropped" in ended.out
    assert ended.out.endswith("31 rows were removed.\n")
    assert len(names(store)) < len(there)


def test_where_much_must_stay_rows_go_one_by_one(store, monkeypatch):
    monkeypatch.setattr(spent, "_MOST_KEPT", 10)
    for number in range(20):
        record(store, f"i{number}", 101, 100)
    divide(store, Period.MONTH)
    there = names(store)

    assert purge(store)[0] == 20
    assert len(rows(store)) == 20
    assert len(names(store)) >= len(there) - 2


def test_a_partition_that_changes_while_it_is_looked_at_stays(
    store, monkeypatch
):
    record(store, "i", 100, 1)
    divide(store)
    looked = spent.Partitions._look

    def look(*arguments):
        yield from looked(*arguments)

    def look_and_store(self, partition, *rest):
        for found in looked(self, partition, *rest):
            if found is not None and found.content.rows:
                record(store, "late", 100)
            yield found

    monkeypatch.setattr(spent.Partitions, "_look", look_and_store)
    purge(store)

    assert store.newest("trove", "late").message == "100"


def interrupted_purge(store, changes):
    """A purge that ends after so many changes; whether it came to its end."""
    left = itertools.count(changes, -1)

    def interrupt(connection, cursor, statement, *_):
        if not statement.startswith("SELECT") and next(left) == 0:
            raise InterruptedError_

    sa.event.listen(store.writer, "before_cursor_execute", interrupt)
    try:
        purge(store)
    except InterruptedError_:
        return False
    finally:
        sa.event.remove(store.writer, "before_cursor_execute", interrupt)
    return True


def test_what_was_to_be_carried_is_put_back_after_an_interruption(store):
    record(store, "j", 1)
    for changes in itertools.count():
        divide(store, None)
        record(store, "i", 130, 100)
        divide(store)

        is_whole = interrupted_purge(store, changes)
        if changes % 2:
            # The timer of the one or of the other comes first.
            divide(store)
        purge(store)

        assert store.newest("trove", "i").message == "100"
        assert store.newest("trove", "j").message == "1"
        assert {row["message"] for row in rows(store)} == {"100", "1"}
        if is_whole:
            break
    assert changes > 3


def test_a_user_who_may_not_drop_removes_rows(url, store):
    record(store, "i", 100, 99, 1)
    divide(store, Period.WEEK)
    there = names(store)
    is_mysql = store.writer.dialect.name == "mysql"
    name = f"u_{sa.make_url(url).database[:8]}"
    host = "@'127.0.0.1'" if is_mysql else ""
    rights = "SELECT, INSERT, UPDATE, DELETE"
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE USER {name}{host}{'' if is_mysql else ' LOGIN'}"
        )
        connection.exec_driver_sql(
            f"GRANT {rights} ON instance_faults TO {name}{host}"
        )
    user = sa.make_url(url).set(username=name)
    limited = Store(
        database_options(user.render_as_string(hide_password=False)), 2.0
    )
    try:
        Archive(limited).delete([rows(store)[0]["id"]])
        with contextlib.suppress(sa.exc.DBAPIError, db_exception.DBError):
            purge(limited)
        limited.record([aged(0, "new")])
    finally:
        close(limited)
        with store.writer.begin() as connection:
            if not is_mysql:
                connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP USER {name}{host}")
    assert names(store) == there
    assert {row["instance_id"] for row in rows(store)} == {"i", "new"}


def test_rights_and_foreign_columns_stay(url, store):
    is_mysql = store.writer.dialect.name == "mysql"
    name = f"r_{sa.make_url(url).database[:8]}"
    host = "@'127.0.0.1'" if is_mysql else ""
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults ADD COLUMN theirs INTEGER NOT NULL DEFAULT 7"
        )
        connection.exec_driver_sql(
            "CREATE INDEX theirs ON instance_faults (theirs)"
        )
        connection.exec_driver_sql(
            f"CREATE USER {name}{host}{'' if is_mysql else ' LOGIN'}"
        )
        connection.exec_driver_sql(
            f"GRANT SELECT, INSERT ON instance_faults TO {name}{host}"
        )
    record(store, "i", 1)
    divide(store)
    user = sa.make_url(url).set(username=name)
    limited = Store(
        database_options(user.render_as_string(hide_password=False)), 2.0
    )
    try:
        assert limited.newest("trove", "i").message == "1"
        divide(store, None)
        assert limited.newest("trove", "i").message == "1"
    finally:
        close(limited)
        with store.writer.begin() as connection:
            if not is_mysql:
                connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP USER {name}{host}")
    assert [row["theirs"] for row in rows(store)] == [7]
    inspector = sa.inspect(store.writer)
    found = {one["name"] for one in inspector.get_indexes("instance_faults")}
    assert "theirs" in found
    assert migration.differences(store.writer) == migration.Differences((), ())


def test_the_command_says_what_it_did_and_can_be_tried_before(store, manage):
    record(store, "i", 40, 1)

    tried = manage("db", "partition", "--dry-run")
    assert tried.code == 0
    assert "PARTITION BY RANGE" in tried.out
    assert not partitions(store).is_divided

    done = manage("db", "partition")
    again = manage("db", "partition")
    undone = manage("db", "partition", "--undo")

    assert done.code == again.code == undone.code == 0
    assert "copied" in done.err or "copies" in done.err
    assert done.out.startswith("The table has partitions for ")
    assert again.err == ""
    assert again.out == done.out
    assert undone.out == "The table has no partitions.\n"
    assert len(rows(store)) == 2


def test_the_statements_that_it_prints_are_those_that_divide(store, manage):
    record(store, "i", 40, 1)
    printed = manage("db", "partition", "--dry-run").out

    engine = sa.create_engine(
        store.writer.url.set(query={}), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(printed)
        else:
            for statement in printed.split(";\n")[:-1]:
                connection.exec_driver_sql(statement)
    engine.dispose()

    assert partitions(store).is_ours
    assert len(rows(store)) == 2


def test_a_table_that_somebody_else_divided_is_left_alone(store, manage):
    with store.writer.begin() as connection:
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql(
                "ALTER TABLE instance_faults PARTITION BY KEY (id) PARTITIONS 3"
            )
        else:
            connection.exec_driver_sql(
                "ALTER TABLE instance_faults RENAME TO theirs"
            )
            connection.exec_driver_sql(
                "CREATE TABLE instance_faults (LIKE theirs, PRIMARY KEY (id))"
                " PARTITION BY HASH (id)"
            )
            connection.exec_driver_sql(
                "CREATE TABLE theirs_0 PARTITION OF instance_faults"
                " FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
            )
    record(store, "i", 100, 99)

    for undo in ((), ("--undo",)):
        ended = manage("db", "partition", *undo)
        assert ended.code == 1
        assert "divided in another way" in ended.err

    assert purge(store) == (1, 0)
    assert migration.differences(store.writer) == migration.Differences((), ())


def test_what_a_copy_would_lack_is_named_first(postgresql):
    with new_database(postgresql) as url:
        store = make_store(url)
        with store.writer.begin() as connection:
            connection.exec_driver_sql(
                "CREATE PUBLICATION theirs FOR TABLE instance_faults"
            )

        with pytest.raises(Exception, match="publication theirs"):
            divide(store)

        assert not partitions(store).is_divided
        close(store)


def test_the_upgrade_check_says_when_partitions_end(
    url, store, tmp_path, capsys, monkeypatch
):
    file = write_configuration(tmp_path / "check.conf", url)
    file.chmod(0o600)

    def check():
        code = status.main(["--config-file", str(file), "upgrade", "check"])
        return code, " ".join(capsys.readouterr().out.replace("|", "").split())

    divide(store)
    code, text = check()
    assert code == 0
    end = partitions(store).end
    monkeypatch.setattr(clock, "utcnow", lambda: end - DAY)

    code, text = check()

    assert code == 1
    assert f"ends on {end:%Y-%m-%d}" in text
    divide(store)
    assert check()[0] == 0


def test_an_older_table_is_synced_first(store, manage):
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {migration.VERSION_TABLE} SET version_num = '0003'"
        )

    ended = manage("db", "partition")

    assert ended.code == 1
    assert "run db sync first" in ended.err
    assert not partitions(store).is_divided


def test_sqlite_has_none(tmp_path, sqlite_url):
    close(make_store(sqlite_url))
    file = write_configuration(tmp_path / "service.conf", sqlite_url)

    for option in ((), ("--undo",), ("--dry-run",)):
        ended = run_manage(
            "--config-file", str(file), "db", "partition", *option
        )
        assert ended.code == 1
        assert ended.out == ""
        assert ended.err.strip() == (
            "sqlite has no partitions: nothing was changed"
        )
