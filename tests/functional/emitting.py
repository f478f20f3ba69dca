# SPDX-License-Identifier: Apache-2.0
"""A notification driver of the tests, which keeps what a service emits; see :mod:`.emitted`.

Where it is loaded, what the log handler takes is kept too; see :mod:`.taken`.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oslo_messaging.notify import notifier

from fault_middleware import log_rule, profile
from fault_middleware.fault import Fault
from fault_middleware.log_record import Failure
from fault_middleware.log_rule import LogRule
from fault_middleware.vocabulary import Vocabulary

#: The entry point, and what it leads to.
GROUP = "oslo.messaging.notify.drivers"
NAME = "keep-emitted"
DRIVER = "tests.functional.emitting:Driver"
#: The file of what is logged, beside that of what is emitted.
LOGGED = "logged.lines"
# Names the file of what is emitted.
_VARIABLE = "FAULT_MIDDLEWARE_EMITTED"
_OUR_DRIVER = "driver = fault_middleware\n"
# Of a request's context, what profiles and the recorder look at.
_CONTEXT = ("request_id", "project_id", "user_id", "is_admin")


def want() -> None:
    """Keep what is emitted from now on."""
    os.environ[_VARIABLE] = ""


def is_wanted() -> bool:
    return _VARIABLE in os.environ


def begin(configuration: Path, file: Path) -> None:
    """Have the processes of a service that start from now on write to a file.

    :param configuration: of the service, which has our driver
    """
    os.environ[_VARIABLE] = str(file)
    text = configuration.read_text()
    both = f"{_OUR_DRIVER}driver = {NAME}\n"
    configuration.write_text(text.replace(_OUR_DRIVER, both))


def watch() -> None:
    """Write from now on what the log handler of this process makes faults of."""
    make = log_rule.make_fault
    if hasattr(make, "__wrapped__"):
        return

    @functools.wraps(make)
    def made(
        service: str, rule: LogRule, failure: Failure, words: Vocabulary
    ) -> Fault:
        found = dataclasses.asdict(dataclasses.replace(failure, trace=""))
        number = profile.load(service).sources.logs.index(rule)
        file = Path(os.environ[_VARIABLE]).with_name(LOGGED)
        _add(file, {"rule": number, "failure": found})
        return make(service, rule, failure, words)

    log_rule.make_fault = made


def _add(file: Path, said: Mapping[str, Any]) -> None:
    line = json.dumps(said, default=str) + "\n"
    # With one write, as other processes have the file, too.
    with open(file, "ab", buffering=0) as opened:
        opened.write(line.encode())


class Driver(notifier.Driver):  # type: ignore[misc]  # oslo.messaging has no types
    """Writes each notification as a line."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        watch()

    def notify(
        self,
        ctxt: Mapping[str, Any],
        message: Mapping[str, Any],
        priority: str,
        retry: int,
    ) -> None:
        context = {name: ctxt.get(name) for name in _CONTEXT}
        sent = {**message, "priority": priority, "context": context}
        _add(Path(os.environ[_VARIABLE]), sent)
