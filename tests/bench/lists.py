# SPDX-License-Identifier: Apache-2.0
"""What a list of instances costs, against as many single queries."""

import contextlib
import functools
import json
from collections.abc import Iterator
from unittest import mock

from fault_middleware.engines import Lookup
from fault_middleware.factories import FaultMiddleware
from tests import fixtures, services
from tests.bench import filling, measuring, peers, service
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

KINDS = ["SQLite", "MariaDB, PyMySQL", "PostgreSQL, psycopg"]
FEW, MANY = "100 with 10 faults each", "100 with 1,000 faults each"


def measure(rig_: Rig) -> Iterator[Table]:
    for kind in KINDS:
        table = Table(f"A list of instances ({kind})", "ms")
        try:
            with rig_.database(kind) as url, rig_.database(kind) as hot_url:
                _measure(rig_, kind, table, url, hot_url)
        except services.Missing as exc:
            table.skip(str(exc))
        yield table


def _measure(
    rig_: Rig, kind: str, table: Table, url: str, hot_url: str
) -> None:
    with contextlib.ExitStack() as stack:
        store, hot = fixtures.make_store(url), fixtures.make_store(hot_url)
        for one in (store, hot):
            stack.callback(fixtures.close, one)
        ids = filling.fill(store, 1000, 10, size=500)
        rig_.say("100 instances get 1,000 faults each")
        hot_ids = filling.fill(hot, 100, 1000, size=500)
        look_up = peers.raw_look_up(url)
        goal = None if kind == "SQLite" else Goal(0.3)
        for count in (100, 1000):
            some = ids[:count]
            cases = {
                f"{count} single queries": functools.partial(
                    _each, look_up, some
                ),
                f"{count} times Store.newest": functools.partial(
                    _each, functools.partial(store.newest, "trove"), some
                ),
                f"Store.newest_of_many of {count}": functools.partial(
                    store.newest_of_many, "trove", some
                ),
                **_requests(rig_, url, some),
            }
            results = _interleave(rig_, cases, 20 if count == 100 else 10)
            single, single_core, many, bare, without, with_faults = cases
            table.show(results, single)
            table.compare(results, many, single, goal)
            table.compare(results, many, single_core)
            table.show(results, bare)
            table.compare(results, without, many)
            table.compare(results, with_faults, many)
            queries = _count(
                store, lambda some=some: store.newest_of_many("trove", some)
            )
            table.count(many, "queries", queries, Goal(-(-count // 200)))
        cases = {
            FEW: functools.partial(store.newest_of_many, "trove", ids[:100]),
            MANY: functools.partial(hot.newest_of_many, "trove", hot_ids),
        }
        results = _interleave(rig_, cases, 40)
        table.show(results, FEW)
        table.compare(results, MANY, FEW, Goal(1.5))


def _interleave(rig_: Rig, cases: dict, rounds: int) -> measuring.Results:
    return measuring.in_milliseconds(
        measuring.interleave(
            {name: measuring.calls(one) for name, one in cases.items()},
            2,
            rig_.rounds(rounds),
        )
    )


def _each(look_up, ids: list[str]) -> list:
    return [look_up(one) for one in ids]


def _requests(rig_: Rig, url: str, ids: list[str]) -> dict:
    """Whole requests of lists, in which no or all instances have a fault."""
    conf = fixtures.parse(rig_.configuration(url))
    served = service.environ("/p1/instances/detail")
    cases = {}
    shown = json.loads(
        service.request(
            service.application, service.environ("/p1/instances/x")
        )
    )
    for name, names in (
        ("without", [f"no-{one}" for one in ids]),
        ("with", ids),
    ):
        body = {
            "instances": [{**shown["instance"], "id": one} for one in names]
        }
        lists = service.Fixed(json.dumps(body).encode())
        filtered = FaultMiddleware(lists, conf)
        if not cases:
            cases["JSON parsed and written"] = lambda data=lists.data: (
                json.dumps(json.loads(data))
            )
        request = functools.partial(service.request, filtered, served)
        assert request().count(b'"fault"') == (
            len(ids) if name == "with" else 0
        )
        cases[f"list of {len(ids)} {name} faults"] = request
    return cases


def _count(store, function) -> int:
    """How many queries something makes."""
    with mock.patch.object(
        Lookup, "rows", autospec=True, side_effect=Lookup.rows
    ) as rows:
        function()
    return rows.call_count
