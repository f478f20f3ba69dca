# SPDX-License-Identifier: Apache-2.0
"""What a request may cost on each database, where it can be counted."""

import json
from datetime import datetime, timedelta

import pytest

from fault_middleware import fault
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from tests.fixtures import (
    INSTANCE,
    PROJECT,
    close,
    make_store,
    new_database,
    parse,
    relayed,
    write_configuration,
)

MOMENT = datetime(2026, 11, 20, 20, 36, 5)
LONG_LIST = [f"instance-{number}" for number in range(201)]
# How each database says that it reads rows one by one out of the index, in its order.
EXPLAIN = {
    "sqlite": ("EXPLAIN QUERY PLAN", "USING INDEX instance_faults_newest"),
    "mysql": ("EXPLAIN FORMAT=JSON", '"key": "instance_faults_newest"'),
    "postgresql": (
        "EXPLAIN",
        "Index Scan Backward using instance_faults_newest",
    ),
}
SORTS = ("TEMP B-TREE", "filesort", "Sort")


def fill(store):
    """Enough rows for an index to be worth it."""
    rows = []
    for number in range(3000):
        created = MOMENT + timedelta(seconds=number)
        rows.append(
            fault.make(
                "trove",
                f"instance-{number % 300}",
                message="m",
                created=created,
            )
        )
    store.record(rows)
    with store.writer.begin() as connection:
        table = " TABLE" if connection.dialect.name == "mysql" else ""
        connection.exec_driver_sql(f"ANALYZE{table} instance_faults")


def test_a_look_up_walks_the_index_without_a_sort(any_store):
    fill(any_store)
    prefix, access = EXPLAIN[any_store.reader.dialect.name]
    any_store.newest("trove", "instance-7")
    (lookup,) = any_store._lookups.get().values()

    lookup._sql, lookup._converters = f"{prefix} {lookup._sql}", []
    rows = lookup.rows({"service": "trove", "instance_id": "instance-7"})
    plan = "\n".join(str(part) for row in rows for part in row)

    assert access in plan
    assert not [word for word in SORTS if word in plan]


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
@pytest.mark.parametrize(
    ("path", "ids", "trips"),
    [
        (f"/{PROJECT}/flavors/{INSTANCE}", [INSTANCE], 0),
        (f"/{PROJECT}/instances/{INSTANCE}", [INSTANCE], 1),
        (f"/{PROJECT}/instances/another", ["another"], 1),
        (f"/{PROJECT}/instances/detail", LONG_LIST[:200], 1),
        (f"/{PROJECT}/instances/detail", LONG_LIST, 2),
    ],
    ids=[
        "not ours",
        "with a fault",
        "without a fault",
        "list of 200",
        "list of 201",
    ],
)
def test_a_request_is_so_many_round_trips(
    request, tmp_path, server, path, ids, trips
):
    instances = [{"id": one} for one in ids]
    body = (
        {"instances": instances}
        if "detail" in path
        else {"instance": instances[0]}
    )

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    with (
        new_database(request.getfixturevalue(server)) as url,
        relayed(url) as relay,
    ):
        store = make_store(url)
        store.record(
            [
                fault.make("trove", one, message="m")
                for one in (INSTANCE, *LONG_LIST)
            ]
        )
        file = write_configuration(
            tmp_path / "x.conf",
            relay.url,
            consumer="external",
            credentials="headers",
        )
        conf = parse(file)
        filtered = FaultMiddleware(application, conf)
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}

        def ask():
            return b"".join(filtered(dict(environ), lambda *start: None))

        for _ in range(10):  # psycopg prepares what it has seen some times
            ask()
        before = relay.trips
        answer = ask()

        assert relay.trips - before == trips
        assert answer.count(b'"fault"') == (
            len(ids) if trips and ids != ["another"] else 0
        )
        close(deploy(conf).store)
        close(store)
