# SPDX-License-Identifier: Apache-2.0
"""A notification driver of the tests, which keeps what a service emits; see :mod:`.emitted`."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oslo_messaging.notify import notifier

#: The entry point, and what it leads to.
GROUP = "oslo.messaging.notify.drivers"
NAME = "keep-emitted"
DRIVER = "tests.functional.emitting:Driver"
# Names the file that is written.
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


class Driver(notifier.Driver):  # type: ignore[misc]  # oslo.messaging has no types
    """Writes each notification as a line."""

    def notify(
        self,
        ctxt: Mapping[str, Any],
        message: Mapping[str, Any],
        priority: str,
        retry: int,
    ) -> None:
        context = {name: ctxt.get(name) for name in _CONTEXT}
        sent = {**message, "priority": priority, "context": context}
        line = json.dumps(sent, default=str) + "\n"
        # With one write, as other processes have the file, too.
        with open(os.environ[_VARIABLE], "ab", buffering=0) as file:
            file.write(line.encode())
