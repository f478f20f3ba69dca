# SPDX-License-Identifier: Apache-2.0
"""What the log records that a test makes become by a profile."""

import contextlib
import logging
from collections.abc import Iterator

from oslo_context import context

from fault_middleware import log_record, log_rule, profile
from fault_middleware.fault import Fault
from fault_middleware.log_record import Sighting
from fault_middleware.profile import Profile


class _Handler(logging.Handler):
    def __init__(self, of: Profile) -> None:
        super().__init__()
        self.of = of
        self.made: list[Fault | None] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.made.append(_read(self.of, Sighting(record)))


@contextlib.contextmanager
def faults_of(service: str) -> Iterator[list[Fault | None]]:
    """Of each record that is logged meanwhile, the fault that the service's profile makes of it.

    What is not a fault is None.
    """
    handler = _Handler(profile.load(service))
    logging.getLogger().addHandler(handler)
    try:
        yield handler.made
    finally:
        context._request_store.context = None
        logging.getLogger().removeHandler(handler)


def run_in(module: str, source: str) -> dict:
    """Functions that run in a module of the service."""
    functions = {"__name__": module}
    exec(source, functions)
    return functions


def _read(of: Profile, sighting: Sighting) -> Fault | None:
    record = sighting.record
    for rule in of.sources.logs:
        if not rule.matches_source(record.name, record.levelno):
            continue
        seen = rule.see(sighting)
        if not rule.matches(seen):
            continue
        found = rule.find(seen)
        if found is None:
            return None
        failure = log_record.read(
            seen,
            found,
            rule.modules,
            rule.request_paths,
            rule.project_of(seen, found),
        )
        return log_rule.make_fault(of.service, rule, failure, of.sources.words)
    return None
