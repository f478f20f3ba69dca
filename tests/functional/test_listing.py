# SPDX-License-Identifier: Apache-2.0
"""What operators list, on SQLite, MariaDB and PostgreSQL."""

import dataclasses
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from fault_middleware import fault, key, listing
from fault_middleware.listing import Listing, UnknownPlaceError, Wanted
from tests.fixtures import rows

MOMENT = datetime(2026, 11, 20, 20, 36, 5)
EVERYTHING = Wanted(None, {})
COLUMNS = ["id", "created", "message"]


@pytest.fixture
def filled(any_store):
    """Rows of this release and of one before, some of them of the same time."""
    made = []
    for number in range(60):
        row = fault.make(
            "nova" if number % 20 == 0 else "trove",
            f"instance-{number % 7}",
            message=f"m{number % 3}",
            created=MOMENT + timedelta(seconds=number // 4),
            message_id=str(number),
        )
        if number % 3 == 0:
            row = dataclasses.replace(
                row, id=row.former_id, former_identity=None
            )
        made.append(row)
    any_store.record(made)
    return any_store


def in_order(store):
    """The ids of all rows, the newest first."""
    return [row["id"] for row in reversed(rows(store))]


def ids(page):
    return [row["id"] for row in page.rows]


def pages(store, wanted, size):
    """The ids of all pages, one after the other."""
    found = []
    after = None
    while True:
        page = Listing(store).page(wanted, COLUMNS, size, after)
        if not page.rows:
            return found
        found += ids(page)
        after = found[-1]


def test_pages_follow_each_other_by_time_whoever_stored_the_rows(filled):
    assert pages(filled, EVERYTHING, 7) == in_order(filled)


@pytest.mark.parametrize("size", [1, 4, 50])
def test_slices_find_what_no_index_finds(filled, monkeypatch, size):
    monkeypatch.setattr(listing, "_SLICE", size)
    of_nova = [
        row["id"] for row in reversed(rows(filled)) if row["service"] == "nova"
    ]

    assert pages(filled, Wanted(None, {"service": "nova"}), 2) == of_nova


def test_a_time_bounds_what_is_looked_at(filled, monkeypatch):
    monkeypatch.setattr(listing, "_SLICE", 4)
    told = []
    wanted = Wanted(MOMENT + timedelta(seconds=10), {"service": "nova"})

    page = Listing(filled).page(
        wanted, COLUMNS, 10, tell=lambda *words: told.append(words)
    )

    assert [row["message"] for row in page.rows] == ["m1"]
    assert max(number for number, _ in told) <= 20
    assert min(moment for _, moment in told) >= wanted.since


def test_a_page_that_was_not_found_whole_says_where_to_go_on(
    filled, monkeypatch
):
    monkeypatch.setattr(listing, "_SLICE", 4)
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 8)
    wanted = Wanted(None, {"service": "none"})

    page = Listing(filled).page(wanted, COLUMNS, 10)

    assert page.rows == []
    assert page.unseen.id == in_order(filled)[7]
    assert Listing(filled).page(wanted, COLUMNS, None).unseen is None


def remove(store, id_):
    with store.writer.begin() as connection:
        connection.execute(
            sa.text("DELETE FROM instance_faults WHERE id = :id"), {"id": id_}
        )


def test_the_list_goes_on_after_a_row_that_was_removed_meanwhile(any_store):
    made = [
        fault.make(
            "trove",
            "i",
            message=str(number),
            created=MOMENT + timedelta(milliseconds=number),
        )
        for number in range(3)
    ]
    any_store.record(made)
    remove(any_store, made[1].id)

    page = Listing(any_store).page(EVERYTHING, COLUMNS, 10, made[1].id)

    assert ids(page) == [made[0].id]


def test_where_a_removed_row_of_an_early_release_was_is_not_guessed(any_store):
    made = fault.make("trove", "i", message="m", created=MOMENT)

    with pytest.raises(UnknownPlaceError, match="begin again"):
        Listing(any_store).page(EVERYTHING, COLUMNS, 10, made.former_id)


def test_behind_the_last_time_that_there_is_nothing_can_be(any_store):
    id_ = key.make(datetime.max, b"")

    with pytest.raises(UnknownPlaceError, match=f"no row with the id {id_}"):
        Listing(any_store).page(EVERYTHING, COLUMNS, 10, id_)


def test_the_first_page_walks_an_index(any_store):
    many = [
        fault.make(
            "trove",
            f"instance-{number % 300}",
            message="m",
            created=MOMENT + timedelta(seconds=number),
        )
        for number in range(3000)
    ]
    any_store.record(many)
    asked = []
    dialect = any_store.unhurried.dialect.name
    prefix = {"sqlite": "EXPLAIN QUERY PLAN "}.get(dialect, "EXPLAIN ")
    with any_store.writer.begin() as connection:
        table = " TABLE" if dialect == "mysql" else ""
        connection.exec_driver_sql(f"ANALYZE{table} instance_faults")

    @sa.event.listens_for(any_store.unhurried, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, *_):
        asked.append((statement, parameters))

    Listing(any_store).page(EVERYTHING, COLUMNS, 10, many[500].id)
    Listing(any_store).page(Wanted(many[2500].created, {}), COLUMNS, 10)
    if dialect == "mysql":  # it would rather read the whole table
        Listing(any_store).page(EVERYTHING, COLUMNS, 2000)
    lists = [one for one in asked if "ORDER BY" in one[0]]

    assert len(lists) >= 2
    for statement, parameters in lists:
        with any_store.writer.connect() as connection:
            plan = str(
                connection.exec_driver_sql(
                    prefix + statement, parameters
                ).all()
            )
        assert "instance_faults_created" in plan
        assert not [
            word
            for word in ("TEMP B-TREE", "filesort", "Sort")
            if word in plan
        ]
