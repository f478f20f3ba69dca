# SPDX-License-Identifier: Apache-2.0
"""A table with ten faults of each instance over 60 days, as the store would have filled it."""

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from fault_middleware import clock, fault, models
from fault_middleware.fault import Fault
from fault_middleware.store import Store
from tests.bench.service import DETAILS, MESSAGE

_DAYS = 60
# Rows that one statement makes out of the first ones.
_STEP = 500_000
_MILLISECONDS = _DAYS * 86_400_000
_T = models.instance_faults
# Numbers are spread over all instances; time, and the key of a report of that time, go with them.
_POSTGRESQL = """
    INSERT INTO instance_faults
        (id, instance_id, service, message, details, created, updated, deleted, request_id)
    SELECT
        substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-8' || substr(m, 1, 3) || '-8'
            || substr(m, 4, 3) || '-' || substr(m, 7, 12),
        md5((n * 7919 % :instances)::text), 'trove', :message, :details, t, t, false,
        'req-' || m
    FROM (
        SELECT n, md5(n::text || 'x') AS m, t,
            lpad(to_hex(floor(extract(epoch FROM t) * 1000)::bigint), 12, '0') AS h
        FROM (
            SELECT n, CAST(:begin AS timestamp)
                + n * (CAST(:step AS double precision) * interval '1 millisecond') AS t
            FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
        ) AS a
    ) AS b
"""
_MARIADB = """
    INSERT INTO instance_faults
        (id, instance_id, service, message, details, created, updated, deleted, request_id)
    SELECT
        concat(substr(h, 1, 8), '-', substr(h, 9, 4), '-8', substr(m, 1, 3), '-8',
            substr(m, 4, 3), '-', substr(m, 7, 12)),
        md5(n * 7919 % :instances), 'trove', :message, :details, t, t, 0, concat('req-', m)
    FROM (
        SELECT n, md5(concat(n, 'x')) AS m, t,
            lpad(lower(hex(floor(
                timestampdiff(MICROSECOND, '1970-01-01', t) / 1000))), 12, '0') AS h
        FROM (
            SELECT seq AS n, CAST(:begin AS DATETIME(6))
                + INTERVAL CAST(seq * :step * 1000 AS SIGNED) MICROSECOND AS t
            FROM seq_{first}_to_{last}
        ) AS a
    ) AS b
"""


def grow(store: Store, size: int) -> None:
    """Make it a table of so many rows, by time; what is there is thrown away.

    The indexes are made afterwards, which takes a fraction of the time.
    """
    engine = sa.create_engine(store.writer.url.set(query={}))
    indexes = sorted(_T.indexes, key=lambda index: str(index.name))
    begin = clock.utcnow() - timedelta(days=_DAYS, minutes=5)
    with engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE TABLE instance_faults")
        for index in indexes:
            index.drop(connection)
    for first in range(1, size + 1, _STEP):
        last = min(first + _STEP - 1, size)
        values = {
            "begin": begin,
            "step": _MILLISECONDS / size,
            "instances": max(1, size // 10),
            "message": MESSAGE,
            "details": DETAILS[:200],
        }
        with engine.begin() as connection:
            if engine.dialect.name == "mysql":
                text = _MARIADB.format(first=first, last=last)
            else:
                text = _POSTGRESQL
                values |= {"first": first, "last": last}
            connection.execute(sa.text(text), values)
    with engine.begin() as connection:
        for index in indexes:
            index.create(connection)
    engine.dispose()
    analyze = sa.create_engine(
        store.writer.url.set(query={}), isolation_level="AUTOCOMMIT"
    )
    with analyze.connect() as connection:
        is_mysql = analyze.dialect.name == "mysql"
        connection.exec_driver_sql(
            "ANALYZE TABLE instance_faults" if is_mysql else "VACUUM ANALYZE"
        )
    analyze.dispose()


def sample(store: Store, number: int) -> list[dict[str, Any]]:
    """Some rows, from the end of the table."""
    query = sa.select(_T).order_by(_T.c.id.desc()).limit(number)
    with store.writer.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def middle(store: Store) -> str:
    """The id of a row in the middle of the time."""
    then = clock.utcnow() - timedelta(days=_DAYS / 2)
    query = sa.select(_T.c.id).where(_T.c.created >= then)
    with store.writer.connect() as connection:
        found = connection.scalar(query.order_by(_T.c.created).limit(1))
    assert found is not None
    return str(found)


def batches() -> Iterator[list[Fault]]:
    """Batches of 64 new faults of instances that are spread over the table, without end."""
    chosen = random.Random(1)
    while True:
        yield [_new(chosen) for _ in range(64)]


def _new(chosen: random.Random) -> Fault:
    return fault.make(
        "trove",
        f"{chosen.getrandbits(128):032x}",
        message=MESSAGE,
        details=DETAILS[:200],
        created=clock.utcnow(),
        message_id=str(uuid.UUID(int=chosen.getrandbits(128))),
    )
