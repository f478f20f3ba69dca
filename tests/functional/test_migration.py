# SPDX-License-Identifier: Apache-2.0
"""The migrations on SQLite, MariaDB and PostgreSQL."""

import itertools

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from fault_middleware import engines, migration, models
from fault_middleware.store import Store
from tests.fixtures import close, database_options, new_database


@pytest.fixture
def empty(database_url):
    store = Store(database_options(database_url), lookup_timeout=2.0)
    yield store
    close(store)


def changes(engine):
    """What the tables lack of the models, and the other way round."""
    with engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "version_table": migration.VERSION_TABLE,
            },
        )
        return alembic.autogenerate.compare_metadata(context, models.metadata)


def test_the_migrations_make_what_the_models_say(empty):
    migration.sync(empty.writer)

    assert changes(empty.writer) == []


def test_syncing_twice_changes_nothing(empty):
    assert migration.version(empty.writer) is None
    migration.sync(empty.writer)
    migration.sync(empty.writer)

    assert migration.version(empty.writer) == migration.newest()


def test_the_tables_types_are_those_of_the_specification(empty):
    migration.sync(empty.writer)

    columns = {
        column["name"]: column
        for column in sa.inspect(empty.writer).get_columns("instance_faults")
    }
    lengths = {"id": 64, "instance_id": 64, "message": 255}
    required = {
        "id",
        "instance_id",
        "message",
        "details",
        "created",
        "updated",
    }
    assert {name: columns[name]["type"].length for name in lengths} == lengths
    assert {
        name for name, one in columns.items() if not one["nullable"]
    } == required
    indexes = sa.inspect(empty.writer).get_indexes("instance_faults")
    assert {index["name"]: index["column_names"] for index in indexes} == {
        "instance_faults_newest": ["instance_id", "created", "id"],
        "instance_faults_created": ["created", "id"],
    }


def test_a_foreign_table_of_our_name_is_left_alone(empty):
    with empty.writer.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE instance_faults (theirs INTEGER)"
        )

    with pytest.raises(migration.ForeignTableError, match="'instance_faults'"):
        migration.sync(empty.writer)

    inspector = sa.inspect(empty.writer)
    assert inspector.get_table_names() == ["instance_faults"]
    assert [c["name"] for c in inspector.get_columns("instance_faults")] == [
        "theirs"
    ]


def interrupted_sync(engine, statements):
    """A sync that somebody interrupts after so many statements; whether it came to its end."""
    left = itertools.count(statements, -1)

    def interrupt(*_):
        if next(left) == 0:
            raise KeyboardInterrupt

    sa.event.listen(engine, "before_cursor_execute", interrupt)
    try:
        migration.sync(engine)
    except (KeyboardInterrupt, db_exception.DBError):
        # alembic commits on its way out, which the lost connection refuses.
        return False
    finally:
        sa.event.remove(engine, "before_cursor_execute", interrupt)
    return True


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
def test_a_sync_that_was_interrupted_anywhere_is_repeated(request, server):
    for statements in itertools.count():
        with new_database(request.getfixturevalue(server)) as url:
            store = Store(database_options(url), lookup_timeout=2.0)
            is_whole = interrupted_sync(store.unhurried, statements)

            migration.sync(store.unhurried)

            assert migration.version(store.writer) == migration.newest()
            assert changes(store.writer) == []
            close(store)
        if is_whole:
            break
    assert statements > 10


def test_an_index_that_postgresql_left_unfinished_is_made_anew(postgresql):
    with new_database(postgresql) as url:
        store = Store(database_options(url), lookup_timeout=2.0)
        migration.sync(store.unhurried, "0003")
        with store.writer.begin() as connection:
            connection.exec_driver_sql(
                "CREATE INDEX instance_faults_created ON instance_faults (id)"
            )
            connection.exec_driver_sql(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid"
                " = 'instance_faults_created'::regclass"
            )

        migration.sync(store.unhurried)

        assert changes(store.writer) == []
        close(store)


def test_a_sync_may_take_longer_than_a_worker_waits(database_url, monkeypatch):
    """A statement of the writer has a bound, so that a worker can end; a table may be large."""
    monkeypatch.setattr(engines, "_WRITE_TIMEOUT", 1.0)
    store = Store(database_options(database_url), lookup_timeout=2.0)
    slow = {
        "mysql": "SELECT SLEEP(2.5)",
        "postgresql": "SELECT pg_sleep(2.5)",
    }.get(store.writer.dialect.name)
    if slow is None:
        pytest.skip("SQLite has no server that could be slow")

    with store.unhurried.connect() as connection:
        connection.exec_driver_sql(slow)
    with (
        pytest.raises(Exception, match=r"no answer|Lost"),
        store.writer.connect() as connection,
    ):
        connection.exec_driver_sql(slow)
    close(store)


def change(empty, statement):
    """Let somebody change the table behind our back."""
    with empty.writer.begin() as connection:
        connection.exec_driver_sql(statement)


def test_what_the_migrations_make_differs_in_nothing(empty):
    assert migration.differences(empty.writer) == migration.Differences((), ())
    migration.sync(empty.writer)

    assert migration.differences(empty.writer) == migration.Differences((), ())


def test_a_column_that_must_have_a_value_is_found_and_others_are_not(empty):
    migration.sync(empty.writer)
    change(empty, "ALTER TABLE instance_faults ADD COLUMN free INTEGER")
    change(
        empty,
        "ALTER TABLE instance_faults ADD COLUMN given INTEGER NOT NULL DEFAULT 1",
    )
    assert migration.differences(empty.writer) == migration.Differences((), ())

    if (
        empty.writer.dialect.name != "sqlite"
    ):  # it has no such change of a table
        change(
            empty,
            "ALTER TABLE instance_faults ADD COLUMN extra INTEGER NOT NULL",
        )

        (told,) = migration.differences(empty.writer).sentences()
        assert "instance_faults.extra" in told
        with pytest.raises(
            migration.DifferentTablesError, match="Let them be NULL"
        ):
            migration.check_tables(empty.writer)


def test_a_column_that_is_gone_is_found(empty):
    migration.sync(empty.writer)
    change(empty, "ALTER TABLE instance_faults DROP COLUMN problem")

    assert migration.differences(empty.writer).missing == (
        "instance_faults.problem",
    )
    with pytest.raises(migration.DifferentTablesError, match="missing"):
        migration.check_tables(empty.writer)


def test_a_table_that_is_gone_is_found(empty):
    migration.sync(empty.writer)
    change(empty, "DROP TABLE fault_middleware_retention")

    assert (
        "fault_middleware_retention.due"
        in migration.differences(empty.writer).missing
    )


def test_an_older_revision_lacks_nothing(empty):
    migration.sync(empty.writer, "0001")

    assert migration.differences(empty.writer) == migration.Differences((), ())


def test_a_newer_revision_is_left_alone(empty):
    migration.sync(empty.writer)
    change(empty, f"UPDATE {migration.VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(
        migration.UnknownRevisionError, match="run db sync of the newer one"
    ):
        migration.sync(empty.writer)

    assert migration.version(empty.writer) == "9999"
