# SPDX-License-Identifier: Apache-2.0
"""What the upgrade check says of the table, on SQLite, MariaDB and PostgreSQL."""

import json

import pytest
import sqlalchemy as sa

from fault_middleware import migration
from fault_middleware.cmd import status
from tests.fixtures import close, make_store, write_configuration


@pytest.fixture
def check(tmp_path, database_url, capsys):
    def check():
        file = write_configuration(tmp_path / "service.conf", database_url)
        file.chmod(0o600)
        code = status.main(
            ["--config-file", str(file), "upgrade", "check", "--json"]
        )
        results = json.loads(capsys.readouterr().out)["checks"]
        return code, {one["check"]: one["details"] for one in results}[
            "Deployment"
        ]

    return check


def test_the_table_is_there_after_the_sync(check, database_url):
    code, why = check()
    assert code == 2
    assert "has no table instance_faults" in why

    close(make_store(database_url))

    assert check() == (0, None)


def test_a_foreign_table_is_named(check, database_url):
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE instance_faults (theirs INTEGER)"
        )
    engine.dispose()

    code, why = check()

    assert code == 2
    assert "has a table instance_faults that is not ours" in why


def test_an_older_table_is_named(check, database_url):
    store = make_store(database_url)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {migration.VERSION_TABLE} SET version_num = '0000'"
        )

    assert "at revision 0000" in check()[1]
    close(store)
