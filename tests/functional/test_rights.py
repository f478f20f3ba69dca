# SPDX-License-Identifier: Apache-2.0
"""The rights in the manual's page about the database are enough."""

import pytest
import sqlalchemy as sa

from fault_middleware import clock, fault
from fault_middleware.archive import Archive
from fault_middleware.metrics import Metrics
from fault_middleware.recorder import Recorder
from fault_middleware.retention import Retention
from fault_middleware.store import Store
from tests.fixtures import close, database_options, make_store, new_database

CONSUMER = {
    "mariadb": {
        "instance_faults": "SELECT, INSERT, DELETE, UPDATE",
        "fault_middleware_retention": "SELECT, UPDATE",
    },
    "postgresql": {
        "instance_faults": "SELECT, INSERT, DELETE",
        "fault_middleware_retention": "SELECT, UPDATE",
    },
}
FILTER = {"instance_faults": "SELECT"}


@pytest.fixture(params=["mariadb", "postgresql"])
def grant(request):
    """Makes a user with rights on tables; returns the table as that user sees it."""
    server = request.getfixturevalue(request.param)
    with new_database(server) as url:
        owner, users, made = make_store(url), [], []

        def grant(rights):
            name = f"u{len(users)}_{sa.make_url(url).database[:8]}"
            users.append(name)
            host = "@'127.0.0.1'" if request.param == "mariadb" else ""
            with owner.writer.begin() as connection:
                password = "" if host else " LOGIN"
                connection.exec_driver_sql(
                    f"CREATE USER {name}{host}{password}"
                )
                for table, what in rights.items():
                    connection.exec_driver_sql(
                        f"GRANT {what} ON {table} TO {name}{host}"
                    )
            as_user = (
                sa.make_url(url)
                .set(username=name)
                .render_as_string(hide_password=False)
            )
            made.append(Store(database_options(as_user), lookup_timeout=2.0))
            return made[-1]

        grant.kind = request.param
        yield grant
        for store in made:
            close(store)
        with owner.writer.begin() as connection:
            for name in users:
                if request.param == "postgresql":
                    connection.exec_driver_sql(f"DROP OWNED BY {name}")
                    connection.exec_driver_sql(f"DROP USER {name}")
                else:
                    connection.exec_driver_sql(f"DROP USER {name}@'127.0.0.1'")
        close(owner)


def test_who_consumes_stores_and_purges_and_the_filter_looks_up(grant):
    consumer, reader = grant(CONSUMER[grant.kind]), grant(FILTER)
    row = fault.make("trove", "i", message="m", message_id="1")
    past = clock.parse_time("2020-01-01")
    old = fault.make("trove", "i", message="m", message_id="0", created=past)
    recorder = Recorder((), consumer, Metrics(), False)

    assert recorder.record([row, old], lambda seconds: True)
    assert recorder.record([row], lambda seconds: True)
    consumer.probe()
    purged = list(Retention(Archive(consumer), Metrics(), 30, 50).purge())
    position = Archive(consumer).lease(120)
    assert Archive(consumer).advance("", "", 3600)

    assert sum(step.gone for step in purged) == 1
    assert position is not None
    assert reader.newest("trove", "i").message == "m"
    assert set(reader.newest_of_many("trove", ["i", "j"])) == {"i"}


def test_the_filter_may_not_write(grant):
    reader = grant(FILTER)

    with pytest.raises(Exception, match="denied"):
        reader.record([fault.make("trove", "i", message="m")])
