# SPDX-License-Identifier: Apache-2.0
"""The SQL in the manual makes the database, and users who can do their work and no more."""

import oslo_db.exception
import pytest
import sqlalchemy as sa

from fault_middleware import fault, migration
from fault_middleware.store import Store
from tests.documents import MANUAL, README, blocks
from tests.fixtures import close, database_options

# HAProxy's user is tried with it.
SQL = [
    block
    for block in blocks(MANUAL / "operations/database.rst", "sql")
    if "haproxy" not in block
]
UNDO = blocks(MANUAL / "install/trove.rst", "sql")[-1]
MADE = {
    "mariadb": {"everything": SQL[0], "kinds": SQL[2]},
    "postgresql": {"everything": SQL[1], "kinds": SQL[3]},
}


REFUSED = (sa.exc.DBAPIError, oslo_db.exception.DBError)


class Server:
    """A server on which the statements of the manual were run.

    :ivar stores: what a user of the manual sees, when asked
    """

    def __init__(self, kind, url):
        self.kind = kind
        self.url = sa.make_url(url)
        self.stores = []

    def run(self, statements, database=None, user=None):
        """Run statements as an administrator, or as a user."""
        default = "postgres" if self.kind == "postgresql" else None
        url = self.url.set(database=database or default)
        if user:
            url = url.set(username=user, password="PASSWORD")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in filter(
                None, map(str.strip, statements.split(";"))
            ):
                connection.exec_driver_sql(statement.replace("%", "%%"))
        engine.dispose()

    def url_of(self, user):
        url = self.url.set(
            username=user, password="PASSWORD", database="fault_middleware"
        )
        return url.render_as_string(hide_password=False)

    def store_of(self, user):
        self.stores.append(
            Store(database_options(self.url_of(user)), lookup_timeout=2.0)
        )
        return self.stores[-1]


@pytest.fixture(params=sorted(MADE))
def server(request):
    made = Server(request.param, request.getfixturevalue(request.param))
    statements = MADE[made.kind]
    made.run(statements["everything"])
    migration.sync(made.store_of("fault").writer)
    if made.kind == "mariadb":
        made.run(statements["kinds"])
    else:
        created, granted = statements["kinds"].split("GRANT", 1)
        made.run(created)
        made.run(f"GRANT{granted}", database="fault_middleware", user="fault")
    yield made
    for store in made.stores:
        close(store)
    made.run("DROP DATABASE fault_middleware")
    for user in ("fault_reader", "fault_consumer", "fault"):
        made.run(f"DROP USER {user}")


def test_the_users_of_the_manual_do_their_work_and_no_more(server):
    row = fault.make("trove", "i-1", message="no space left")

    server.store_of("fault_consumer").record([row])

    reader = server.store_of("fault_reader")
    assert reader.newest("trove", "i-1").message == "no space left"
    for forbidden in (
        "DELETE FROM instance_faults",
        "SELECT * FROM fault_middleware_retention",
    ):
        with pytest.raises(REFUSED), reader.writer.begin() as connection:
            connection.exec_driver_sql(forbidden)


def test_the_readme_makes_and_undoes_what_the_manual_makes():
    assert blocks(README, "sql") == [SQL[0]]
    assert UNDO.split() == [
        "DROP",
        "DATABASE",
        "fault_middleware;",
        "DROP",
        "USER",
        "fault;",
    ]
