# SPDX-License-Identifier: Apache-2.0
"""What a show costs: without a fault, with one, and in what others do for it."""

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path

from tests import fixtures, services
from tests.bench import filling, instructions, measuring, peers, rig, service
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

BARE = "SQLAlchemy's look-up, none found"
OWN = "our look-up, none found"
WITHOUT = "show without a fault"
WITH = "show with a fault"
REFERENCE = "reference, with a fault"
USUAL = "oslo.middleware and ORM, with a fault"


def measure(rig_: Rig) -> Iterator[Table]:
    for kind in rig.DATABASES:
        table = Table(f"A show ({kind})")
        try:
            with contextlib.ExitStack() as stack:
                _measure(rig_, kind, table, stack)
        except services.Missing as exc:
            table.skip(str(exc))
        yield table


def _measure(
    rig_: Rig, kind: str, table: Table, stack: contextlib.ExitStack
) -> None:
    url = stack.enter_context(rig_.database(kind))
    store = fixtures.make_store(url)
    stack.callback(fixtures.close, store)
    with_fault = filling.fill(store, 100, 10, copies=19)[0]
    file = rig_.configuration(url)
    ours, reference, usual = (
        peers.build(name, file)
        for name in ("fault_middleware", "reference", "usual")
    )
    path = service.environ(f"/p1/instances/{with_fault}")
    other_path = service.environ("/p1/instances/nothing-failed-here")
    for one in (ours, reference, usual):
        assert (
            "details"
            in json.loads(service.request(one, path))["instance"]["fault"]
        )
        assert service.request(one, other_path) == service.request(
            service.application, other_path
        )
    served = {
        "no filter": (service.application, path),
        WITHOUT: (ours, other_path),
        WITH: (ours, path),
        REFERENCE: (reference, path),
        USUAL: (usual, path),
    }
    cases = {
        name: measuring.calls(functools.partial(service.request, *what))
        for name, what in served.items()
    }
    # What is measured against is not ours: or all would look worse when our look-up gets faster.
    pooled = peers.pooled_look_up(url)
    cases[BARE] = measuring.calls(lambda: pooled("nothing-failed-here"))
    cases[OWN] = measuring.calls(
        lambda: store.newest("trove", "nothing-failed-here")
    )
    cases["raw look-up"] = measuring.calls(
        lambda: reference.look_up(with_fault)
    )
    results = measuring.interleave(cases, 50, rig_.rounds(40))
    table.show(results, "no filter")
    table.show(results, "raw look-up")
    table.show(results, BARE)
    table.show(results, OWN)
    table.compare(results, WITHOUT, BARE, Goal(1.3))
    table.compare(results, WITHOUT, OWN)
    table.show(results, REFERENCE)
    table.compare(results, WITH, REFERENCE, Goal(1.5, stretch=1.2))
    table.compare(results, USUAL, REFERENCE)
    if kind == "SQLite":
        _count_instructions(rig_, file, with_fault, table)
    else:
        with fixtures.relayed(url) as relay:
            _count_trips(rig_, relay, table, {WITHOUT: other_path, WITH: path})


def _count_instructions(
    rig_: Rig, file: Path, instance_id: str, table: Table
) -> None:
    rig_.say("valgrind counts; that takes a minute")
    path = f"/p1/instances/{instance_id}"
    cases = {REFERENCE: "reference", WITH: "fault_middleware", USUAL: "usual"}
    counted = instructions.count(
        file, [(name, path) for name in cases.values()]
    )
    results = dict(zip(cases, counted, strict=True))
    for name in (WITH, USUAL):
        table.compare(results, name, REFERENCE, name=instructions.NAME)


def _count_trips(
    rig_: Rig, relay: services.Relay, table: Table, served: dict
) -> None:
    filtered = peers.build("fault_middleware", rig_.configuration(relay.url))
    for name, path in served.items():
        for _ in range(
            10
        ):  # psycopg prepares a statement when it has seen it five times
            service.request(filtered, path)
        before = relay.trips
        for _ in range(10):
            service.request(filtered, path)
        table.count(name, "round trips", (relay.trips - before) / 10, Goal(1))
