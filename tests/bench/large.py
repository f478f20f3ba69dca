# SPDX-License-Identifier: Apache-2.0
"""What grows with the table: storing, looking up, and what operators ask; up to 10 million rows.

It takes long, and up to 10 GB of the disk at a time, so it is asked only by its name.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from fault_middleware import clock
from fault_middleware.archive import Archive
from fault_middleware.listing import Listing, Wanted
from fault_middleware.metrics import Metrics
from fault_middleware.retention import Retention
from fault_middleware.store import Store
from tests import fixtures, services
from tests.bench import decade, measuring
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

KINDS = ["MariaDB, PyMySQL", "PostgreSQL, psycopg"]
#: Of a table for people.
COLUMNS = ["created", "service", "instance_id", "message", "id"]
# Batches of 64 that are stored in a round, and how often a list is read.
_BATCHES = 10
_LISTS = 3
# These look at many rows: up to 1,000,000, 100,000, or all instances.
_WITHOUT_INDEX = (
    *("--request-id", "--service", "--fold", "top"),
    "purge --dry-run",
)


def measure(rig_: Rig) -> Iterator[Table]:
    sizes = [100_000, 1_000_000]
    if not rig_.quick:
        sizes.append(10_000_000)
    yield from measure_sizes(rig_, sizes)


def measure_sizes(rig_: Rig, sizes: list[int]) -> Iterator[Table]:
    """The tables of both servers, each with a database of each size."""
    for kind in KINDS:
        storing = Table(f"Storing 64 in a table that is large ({kind})", "ms")
        asking = Table(f"What operators ask of it ({kind})", "s")
        try:
            with contextlib.ExitStack() as stack:
                stores = {}
                for size in sizes:
                    rig_.say(f"{kind} gets {size:,} rows")
                    store = _store(rig_, stack, kind)
                    decade.grow(store, size)
                    stores[f"{size:,} rows"] = store
                _compare_storing(rig_, stores, storing)
                for rows, store in stores.items():
                    _ask(rig_, rows, store, asking)
        except services.Missing as exc:
            storing.skip(str(exc))
        yield storing
        yield asking


def _store(rig_: Rig, stack: contextlib.ExitStack, kind: str) -> Store:
    url = stack.enter_context(rig_.database(kind))
    store = fixtures.make_store(url)
    stack.callback(fixtures.close, store)
    return store


def _compare_storing(
    rig_: Rig, stores: dict[str, Store], table: Table
) -> None:
    cases = {}
    for rows, store in stores.items():
        batches = decade.batches()
        cases[rows] = measuring.calls(
            lambda store=store, batches=batches: store.record(next(batches))
        )
    results = measuring.in_milliseconds(
        measuring.interleave(cases, _BATCHES, rig_.rounds(60))
    )
    first, *larger = cases
    table.show(results, first)
    for rows in larger:
        table.compare(results, rows, first, Goal(1.2))


def _ask(rig_: Rig, rows: str, store: Store, table: Table) -> None:
    for name, ask in _questions(store).items():
        rig_.say(f"{rows}: {name}")
        goal = None if name in _WITHOUT_INDEX else Goal(0.5)
        table.count(f"{rows}: {name}", "s", _seconds(ask), goal)


def _questions(store: Store) -> dict[str, Callable[[], object]]:
    """What operators ask, by its name."""
    one = Listing(store)
    some = decade.sample(store, 1)[0]
    day = clock.utcnow() - timedelta(hours=24)

    def page(since=None, after=None, **equal):
        return functools.partial(
            one.page, Wanted(since, equal), COLUMNS, 1000, after
        )

    retention = Retention(Archive(store), Metrics(), 30, 50)
    middle = decade.middle(store)
    return {
        "list": page(),
        "--since 12h": page(clock.utcnow() - timedelta(hours=12)),
        "--after, in the middle": page(after=middle),
        "--instance": page(instance_id=some["instance_id"]),
        "--service": page(service="nova"),
        "--request-id": page(request_id="req-none"),
        "--fold": functools.partial(one.folded, Wanted(None, {}), 1000),
        "top": functools.partial(
            one.most_frequent, ("service", "message"), Wanted(day, {}), 10
        ),
        "purge --dry-run": lambda: sum(
            step.gone for step in retention.purge("", dry_run=True)
        ),
        "show": lambda: store.newest("trove", some["instance_id"]),
    }


def _seconds(ask: Callable[[], object]) -> float:
    """The median of some; what takes long is asked once."""
    took = []
    for _ in range(_LISTS):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
        if took[0] > 5:
            break
    took.sort()
    return took[len(took) // 2]
