# SPDX-License-Identifier: Apache-2.0
"""How fast a backlog drains, against a listener that does nothing with it."""

import contextlib
import time
from collections.abc import Iterator

from tests import fixtures, services
from tests.bench import consuming, measuring, rig
from tests.bench.backlog import Backlog
from tests.bench.measuring import Case, Figures
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

NOTHING = "no-op batch listener"
GOALS = {
    "SQLite": None,
    "MariaDB, PyMySQL": Goal(0.6, at_least=True),
    "MariaDB, mysqlclient": Goal(0.7, at_least=True),
    "PostgreSQL, psycopg": Goal(0.7, at_least=True),
}
TWO = ["MariaDB, mysqlclient", "PostgreSQL, psycopg"]


def measure(rig_: Rig) -> Iterator[Table]:
    table = Table("Draining a backlog, us a message")
    with contextlib.ExitStack() as stack:
        cases = {NOTHING: _drain(rig_, "no-op", "sqlite:////dev/null/none")}
        for kind in rig.DATABASES:
            try:
                url = stack.enter_context(rig_.database(kind))
            except services.Missing as exc:
                table.skip(f"{kind}: {exc}")
                continue
            store = fixtures.make_store(url)
            stack.callback(fixtures.close, store)
            cases[kind] = _drain(rig_, "ours", url)
            if kind in TWO:
                cases[f"{kind}, two processes"] = _drain(rig_, "ours", url, 2)
        count = 3000 if rig_.quick else 8000
        results = measuring.interleave(
            cases, count, 3 if rig_.quick else 5, warm=False
        )
    for case in cases:
        one, _, two = case.partition(", two")
        if two:
            table.compare(
                results,
                case,
                one,
                Goal(1.4, at_least=True),
                "messages a second",
            )
        else:
            table.compare(
                results, case, NOTHING, GOALS.get(case), "messages a second"
            )
    yield table


def _drain(rig_: Rig, kind: str, url: str, processes: int = 1) -> Case:
    def run(count: int) -> Figures:
        backlog = Backlog(rig_.server("rabbitmq"))
        file = rig_.configuration(
            url,
            transport_url=rig_.server("rabbitmq").url,
            topics=backlog.topic,
        )
        with contextlib.ExitStack() as stack:
            stack.callback(backlog.close)
            backlog.publish(count)
            fixtures.wait_until(lambda: backlog.depth == count)
            programs = [
                stack.enter_context(consuming.started("consuming", kind, file))
                for _ in range(processes)
            ]
            for program in programs:
                program.tell()
            told = _outcome(programs, count)
        seconds = max(one["end"] for one in told) - min(
            one["begin"] for one in told
        )
        return {
            "wall": seconds / count * 1e6,
            "cpu": sum(one["cpu"] for one in told) / count * 1e6,
            "messages a second": count / seconds,
        }

    return run


def _outcome(
    programs: list[consuming.Program], count: int
) -> list[dict[str, float]]:
    """What the consumers did, once everything is done."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        time.sleep(0.3)
        for program in programs:
            program.tell()
        told = [program.hear() for program in programs]
        if sum(one["count"] for one in told) >= count:
            return [one for one in told if one["count"]]
    raise RuntimeError("the backlog did not drain within 120 s")
