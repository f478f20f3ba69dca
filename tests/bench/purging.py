# SPDX-License-Identifier: Apache-2.0
"""What the retention takes to remove old rows: row by row, and with their partition.

Half of a table with ten faults of each instance is old.  It takes minutes, so it is asked only by
its name.
"""

import contextlib
import time
from collections.abc import Iterator

from fault_middleware.archive import Archive
from fault_middleware.metrics import Metrics
from fault_middleware.partitions import step, work
from fault_middleware.partitions.period import Period
from fault_middleware.retention import Retention
from fault_middleware.store import Store
from tests import fixtures, services
from tests.bench import decade
from tests.bench.large import KINDS
from tests.bench.rig import Rig
from tests.bench.tables import Table

DAYS = 30


def measure(rig_: Rig) -> Iterator[Table]:
    size = 100_000 if rig_.quick else 1_000_000
    for kind in KINDS:
        table = Table(f"Removing what is old of {size:,} rows ({kind})")
        try:
            for name, period in {
                "one table": None,
                "by month": Period.MONTH,
                "by week": Period.WEEK,
            }.items():
                rig_.say(f"{kind}: {name}")
                with contextlib.ExitStack() as stack:
                    url = stack.enter_context(rig_.database(kind))
                    store = fixtures.make_store(url)
                    stack.callback(fixtures.close, store)
                    _measure(store, size, name, period, table)
        except services.Missing as exc:
            table.skip(str(exc))
        yield table


def _measure(
    store: Store, size: int, name: str, period: Period | None, table: Table
) -> None:
    decade.grow(store, size)
    if period is not None:
        begin = time.monotonic()
        for part in work.steps_to_divide(store.unhurried, period):
            step.run(store.unhurried, part, lambda number: None)
        table.count(f"{name}: to divide it", "s", time.monotonic() - begin)
    begin = time.monotonic()
    retention = Retention(Archive(store), Metrics(), DAYS, 0)
    gone = sum(found.gone for found in retention.purge())
    seconds = time.monotonic() - begin
    table.count(f"{name}: rows removed", "rows", gone)
    table.count(f"{name}: a pass", "s", seconds)
    table.count(f"{name}: removed in a second", "rows", gone / seconds)
