# SPDX-License-Identifier: Apache-2.0
"""What a show costs in a table that has grown, and of an instance that fails a lot."""

import contextlib
import functools
import itertools
from collections.abc import Iterator

from tests import fixtures, services
from tests.bench import filling, measuring, peers, service
from tests.bench.lists import KINDS
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table


def measure(rig_: Rig) -> Iterator[Table]:
    sizes = {"1,000 rows": 0, "100,000 rows": 99}
    if not rig_.quick:
        sizes["1,000,000 rows"] = 999
    for kind in KINDS:
        table = Table(f"A show in a table that grows ({kind})")
        try:
            with contextlib.ExitStack() as stack:
                cases = {}
                for name, copies in sizes.items():
                    rig_.say(f"{kind} gets {name}")
                    cases[name] = _random_show(rig_, stack, kind, copies)
                cases |= _hot_shows(rig_, stack, kind)
                results = measuring.interleave(
                    {
                        name: measuring.calls(one)
                        for name, one in cases.items()
                    },
                    50,
                    rig_.rounds(80),
                )
        except services.Missing as exc:
            table.skip(str(exc))
            yield table
            continue
        small, *larger = sizes
        table.show(results, small)
        for name in larger:
            table.compare(results, name, small, Goal(1.3))
        one, *more = list(cases)[len(sizes) :]
        table.show(results, one)
        for name in more:
            table.compare(results, name, one, Goal(1.1))
        yield table


def _random_show(
    rig_: Rig, stack: contextlib.ExitStack, kind: str, copies: int
):
    """Shows of one instance after the other, each with 10 faults."""
    filtered, store = _filter(rig_, stack, kind)
    ids = filling.fill(store, 100, 10, copies=copies, size=500)
    shows = itertools.cycle(
        [service.environ(f"/p1/instances/{one}") for one in ids]
    )
    return lambda: service.request(filtered, next(shows))


def _hot_shows(rig_: Rig, stack: contextlib.ExitStack, kind: str) -> dict:
    """Shows of one instance with 1 and of one with 1,000 faults, in tables of their own."""
    cases = {}
    for count in (1, 1000):
        filtered, store = _filter(rig_, stack, kind)
        filling.fill(store, 10, 10, copies=99, size=500)
        hot = filling.add(store, count)
        served = service.environ(f"/p1/instances/{hot}")
        name = f"{count:,} faults of the instance"
        cases[name] = functools.partial(service.request, filtered, served)
    return cases


def _filter(rig_: Rig, stack: contextlib.ExitStack, kind: str):
    url = stack.enter_context(rig_.database(kind))
    store = fixtures.make_store(url)
    stack.callback(fixtures.close, store)
    return peers.build("fault_middleware", rig_.configuration(url)), store
