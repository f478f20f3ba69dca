# SPDX-License-Identifier: Apache-2.0
"""How long a single notification takes to become a row that others can read."""

import contextlib
import functools
import random
import statistics
import time
from collections.abc import Iterator

import sqlalchemy as sa

from tests import fixtures, services
from tests.bench import consuming, measuring
from tests.bench.backlog import Backlog
from tests.bench.measuring import Case, Figures
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

KINDS = ["MariaDB, PyMySQL", "PostgreSQL, psycopg"]
CASES = {"one commit a message": "single", "fault_middleware": "ours"}


def measure(rig_: Rig) -> Iterator[Table]:
    for kind in KINDS:
        table = Table(f"From one notification to a row ({kind})", "ms")
        try:
            with contextlib.ExitStack() as stack:
                cases = {
                    name: _messages(rig_, stack, kind, program)
                    for name, program in CASES.items()
                }
                results = measuring.interleave(cases, 7, rig_.rounds(20))
        except services.Missing as exc:
            table.skip(str(exc))
        else:
            single, ours = cases
            table.show(results, single)
            table.compare(results, ours, single, Goal(2))
        yield table


def _messages(
    rig_: Rig, stack: contextlib.ExitStack, kind: str, program: str
) -> Case:
    url = stack.enter_context(rig_.database(kind))
    store = fixtures.make_store(url)
    stack.callback(fixtures.close, store)
    broker = rig_.server("rabbitmq")
    backlog = Backlog(broker)
    stack.callback(backlog.close)
    file = rig_.configuration(
        url, transport_url=broker.url, topics=backlog.topic
    )
    consumer = stack.enter_context(
        consuming.started("consuming", program, file)
    )
    consumer.tell()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    stack.callback(engine.dispose)
    connection = stack.enter_context(engine.connect())
    return functools.partial(_publish, backlog, connection, consumer)


def _publish(
    backlog: Backlog,
    connection: sa.Connection,
    consumer: consuming.Program,
    count: int,
) -> Figures:
    """The median of some messages, at moments that have nothing to do with the consumer's."""

    def stored() -> int:
        return connection.exec_driver_sql(
            "SELECT count(*) FROM instance_faults"
        ).scalar_one()

    waits = []
    before = _cpu(consumer)
    for _ in range(count):
        time.sleep(random.uniform(0.02, 0.2))
        rows = stored()
        begin = time.perf_counter()
        backlog.publish(1)
        while stored() == rows:
            time.sleep(0.0005)
        waits.append(time.perf_counter() - begin)
    cpu = _cpu(consumer) - before
    return {"wall": statistics.median(waits) * 1000, "cpu": cpu / count * 1000}


def _cpu(consumer: consuming.Program) -> float:
    consumer.tell()
    return consumer.hear()["cpu"]
