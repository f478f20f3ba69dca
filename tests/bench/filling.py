# SPDX-License-Identifier: Apache-2.0
"""Tables with many faults, multiplied inside the database."""

import hashlib
import itertools
from datetime import datetime, timedelta

import sqlalchemy as sa

from fault_middleware import fault
from fault_middleware.store import Store
from tests.bench.service import DETAILS, MESSAGE

FIRST = datetime(2026, 1, 1)
_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
_MULTIPLY = f"""
    INSERT INTO instance_faults
        (id, instance_id, service, message, details, created, updated, deleted)
    SELECT md5(concat(f.id, d.n)), md5(concat(f.instance_id, d.n)), f.service, f.message,
        f.details, f.created, f.updated, f.deleted
    FROM instance_faults AS f, (
        SELECT a.n * 100 + b.n * 10 + c.n AS n
        FROM ({_DIGITS}) AS a, ({_DIGITS}) AS b, ({_DIGITS}) AS c
    ) AS d
    WHERE d.n BETWEEN 1 AND :copies
    ORDER BY 1
"""
_ANALYZE = {
    "mysql": "ANALYZE TABLE instance_faults",
    "postgresql": "VACUUM ANALYZE",
}


def fill(
    store: Store,
    instances: int,
    faults: int,
    *,
    copies: int = 0,
    size: int = 2800,
) -> list[str]:
    """Store faults, and copies of them for other instances.

    :param faults: of each instance
    :param size: bytes of details
    :returns: the ids of the instances; of copies not more than 5,000
    """
    ids = [f"instance-{number}" for number in range(instances)]
    _record(store, ids, faults, size)
    if copies:
        _multiply(store, copies)
        step = max(1, copies * instances // 5000)
        pairs = [(one, n) for one in ids for n in range(1, copies + 1)][::step]
        ids = [
            hashlib.md5(f"{one}{n}".encode()).hexdigest() for one, n in pairs
        ]
    _analyze(store)
    return ids


def add(store: Store, faults: int, instance_id: str = "hot") -> str:
    """Store faults of one more instance; returns its id."""
    _record(store, [instance_id], faults, 500)
    return instance_id


def _record(store: Store, ids: list[str], faults: int, size: int) -> None:
    details = (DETAILS * (size // len(DETAILS) + 1))[:size]
    made = (
        fault.make(
            "trove",
            one,
            message=MESSAGE,
            details=details,
            created=FIRST + timedelta(seconds=number),
        )
        for number in range(faults)
        for one in ids
    )
    while some := list(itertools.islice(made, 500)):
        store.record(some)


def _multiply(store: Store, copies: int) -> None:
    # Without the store's own bounds, which give up after some seconds.
    engine = sa.create_engine(store.writer.url.set(query={}))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            driver = connection.connection.driver_connection
            driver.create_function("concat", 2, lambda one, two: f"{one}{two}")
            driver.create_function(
                "md5", 1, lambda text: hashlib.md5(text.encode()).hexdigest()
            )
        connection.execute(sa.text(_MULTIPLY), {"copies": copies})
    engine.dispose()


def _analyze(store: Store) -> None:
    engine = sa.create_engine(
        store.writer.url.set(query={}), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(
            _ANALYZE.get(engine.dialect.name, "ANALYZE")
        )
    engine.dispose()
