# SPDX-License-Identifier: Apache-2.0
"""What the log handler costs the thread that logs.

A service is thirty functions deep when it logs, as a request of Cinder's is, and five of these
functions are its own.
"""

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator

from oslo_context import context

from fault_middleware import log, log_rule
from fault_middleware.fault import Fault
from fault_middleware.log_record import Failure
from tests.bench.measuring import calls, descend, interleave, median
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

VOLUME = {"id": "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"}
RULE = {
    "logger": "service.*",
    "record": {"instance_id": [{"local": "volume.id"}]},
}
DEEP, OWN = 30, 5


@dataclasses.dataclass(frozen=True)
class _Profile:
    service: str
    logs: tuple[log_rule.LogRule, ...]


class _Handler(log.Handler):
    """The handler, which hands over to nobody and is never short of room."""

    def __init__(self) -> None:
        super().__init__()
        rule = log_rule.build(RULE, [__name__])
        self._rules = [(_Profile("service", (rule,)), rule)]
        self.kept: list[Failure | Fault] = []

    def emit(self, record: logging.LogRecord) -> None:
        for _, rule in self._rules_for(record):
            sighting = log.Sighting(record)
            if rule.matches(sighting):
                found = rule.find(sighting)
                assert found is not None
                self.kept = [
                    log.log_record.read(sighting, found, rule.modules)
                ]


def _own(
    depth: int, function: Callable[[], None], volume: object = VOLUME
) -> None:
    """Call a function from within the service."""
    if depth:
        _own(depth - 1, function)
    else:
        function()


def _fail(logger: logging.Logger) -> None:
    try:
        raise OSError(28, "no space in pool rack7")
    except OSError:
        logger.exception("Extend volume failed")


def measure(rig: Rig) -> Iterator[Table]:
    table = Table("The log handler, in the thread that logs", "us")
    handler = _Handler()
    ours = logging.getLogger("service.manager")
    others = logging.getLogger("library.pool")
    bare = logging.getLogger("elsewhere")
    for logger in (ours, others):
        logger.addHandler(handler)
    for logger in (bare, ours, others):
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    context.RequestContext(user_id="alice", project_id="p1", overwrite=True)
    loggers = {
        "a logger without it": bare,
        "a record that no rule means": others,
        "a record that becomes a fault": ours,
    }
    cases = {}
    for name, logger in loggers.items():
        fail = functools.partial(_fail, logger)
        own = functools.partial(_own, OWN, fail)
        cases[name] = calls(functools.partial(descend, DEEP, own))
    results = interleave(cases, 50, rig.rounds(40))
    base, other, fault = cases
    table.show(results, base)
    before = median(results[base])
    table.count(
        "added: no rule means it",
        "us",
        median(results[other]) - before,
        Goal(10),
    )
    table.count(
        "added: a fault", "us", median(results[fault]) - before, Goal(300)
    )
    yield table
