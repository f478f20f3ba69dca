# SPDX-License-Identifier: Apache-2.0
"""What works and what fails in this process, and what the log says of it.

We are a guest in a service: nothing that fails may raise an exception there, and nothing may be
hidden. So a failure is logged when it begins, once a minute while it goes on, and when it ends.
The line comes from the logger of the module that failed.
"""

import enum
import logging
import time
from collections.abc import Callable

from fault_middleware.process import PerProcess
from fault_middleware.text import describe

_SECONDS_BETWEEN_LINES = 60.0


class Label(enum.Enum):
    """The value of a metric's label, and the module whose logger tells of it."""

    def __init__(self, label: str, module: str) -> None:
        self.label = label
        self.logger = logging.getLogger(f"fault_middleware.{module}")


class Part(Label):
    """What may fail for a while."""

    BROKER = "broker", "consumer"
    LOOK_UPS = "database (look-ups)", "breaker"
    REPLICA = "database (replica)", "breaker"
    STORING = "database (storing)", "recorder"
    METRICS = "metrics", "metrics"
    DRIVER = "notification driver", "notification_driver"
    RETENTION = "retention", "retention"


class Journal:
    """Writes lines to the log, those that say the same at most once a minute."""

    def __init__(self) -> None:
        self._written: dict[object, float] = {}

    def write(
        self,
        label: Label,
        level: int,
        text: str,
        exc_info: BaseException | None = None,
    ) -> None:
        """Write a line, unless one of the same label was written less than a minute ago.

        :param level: of the module ``logging``
        :param exc_info: of what to write the traceback too
        """
        # Without a lock, which a fork could leave locked: at worst a line is written twice.
        now = time.monotonic()
        last = self._written.get(label)
        if last is None or now - last >= _SECONDS_BETWEEN_LINES:
            self._written[label] = now
            _write(label, level, text, exc_info)

    def end(self, label: Label, text: str) -> None:
        """Write that what was written of a label is over, if something was."""
        if self._written.pop(label, None) is not None:
            label.logger.info("%s", text)


class Health:
    """What works and what fails.

    :param show: is told when a part may have changed: the part, and 1 if it fails, 0 if it works
    """

    def __init__(self, show: Callable[[Part, int], None]) -> None:
        self._show = show
        self._journal = Journal()
        self._failures: dict[Part, str] = {}
        self._known_to_work = PerProcess[set[Part]](set)

    @property
    def failures(self) -> dict[str, str]:
        """What fails now, and why, by the name of the part."""
        now = list(self._failures.items())  # another thread may change it
        return {part.label: text for part, text in now}

    def starting(self, part: Part) -> None:
        """Note that a part does not work yet, which is not an error so far."""
        self._failures[part] = "it has not begun to work yet"
        self._show(part, 1)

    def fails(self, part: Part, text: str, exc: BaseException) -> None:
        """Note that a part fails, until it :meth:`works`.

        :param text: what follows from it, with the ids that help
        :param exc: why; only its kind and first line are told: SQL with parameters may follow
        """
        failure = f"{text}: {describe(exc)}"
        self._failures[part] = failure
        self._show(part, 1)
        self._journal.write(part, logging.ERROR, f"{part.label}: {failure}")

    def works(self, part: Part) -> None:
        """Note that a part works."""
        known = self._known_to_work.get()
        has_failed = self._failures.pop(part, None) is not None
        if has_failed or part not in known:
            # At first too: a process that ended may have left another word in a shared folder.
            known.add(part)
            self._show(part, 0)
        self._journal.end(part, f"{part.label}: it works again")


def _write(
    label: Label, level: int, text: str, exc_info: BaseException | None
) -> None:
    """Write a line that has the text of an error once.

    To a line that is written while an exception is handled, oslo.log's formatter adds that
    exception's text, unless it is one of Python's own kinds. Ours has it already.
    """
    try:
        raise ValueError
    except ValueError:
        label.logger.log(level, "%s", text, exc_info=exc_info)
