# SPDX-License-Identifier: Apache-2.0
"""The migrations on SQLite, MariaDB and PostgreSQL."""

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa

from fault_middleware import migration, models
from fault_middleware.store import Store
from tests.fixtures import close, database_options


@pytest.fixture
def empty(database_url):
    store = Store(database_options(database_url), lookup_timeout=2.0)
    yield store
    close(store)


def test_the_migrations_make_what_the_models_say(empty):
    migration.sync(empty.writer)

    with empty.writer.connect() as connection:
        context = alembic.migration.MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "version_table": migration.VERSION_TABLE,
            },
        )
        assert (
            alembic.autogenerate.compare_metadata(context, models.metadata)
            == []
        )


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
    index = sa.inspect(empty.writer).get_indexes("instance_faults")[0]
    assert index["column_names"] == ["instance_id", "created", "id"]


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
