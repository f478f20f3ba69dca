# SPDX-License-Identifier: Apache-2.0
"""Finds out that a database answers again, so that no request has to wait to find out."""

import logging
import threading
import time
from collections.abc import Callable

from fault_middleware import process
from fault_middleware.process import PerProcess
from fault_middleware.text import describe

LOG = logging.getLogger(__name__)

# Seconds between two tries.
_PAUSE = 2.0
# Seconds after the last request for a look-up in which it is worth while to try.
_INTEREST = 60.0


class _Watch:
    """Whether a thread of this process tries, and when a request last wanted to know."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_on = False
        self.wanted = 0.0


class Recovery:
    """A thread that tries until the database answers, or until nobody has asked for a minute.

    Thread-safe. A process that was forked meanwhile starts a thread of its own.

    :param attempt: tries once; returns whether the database answers
    :param yields: whether other green threads run while it waits
    """

    def __init__(self, attempt: Callable[[], bool], yields: bool) -> None:
        self._attempt = attempt
        self._yields = yields
        self._watch = PerProcess(_Watch)

    def want(self) -> None:
        """Have somebody try, from now on."""
        watch = self._watch.get()
        watch.wanted = time.monotonic()
        with watch.lock:
            if watch.is_on or not self._may_start():
                return
            watch.is_on = True
        thread = threading.Thread(
            target=self._run, name="fault_middleware recovery", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as exc:  # no room, or the process ends
            watch.is_on = False
            LOG.info("requests try the database themselves: %s", describe(exc))

    def _may_start(self) -> bool:
        if process.starts_no_threads():
            return False
        return self._yields or not process.has_green_threads()

    def _run(self) -> None:
        watch = self._watch.get()
        is_over = False
        while not is_over:
            time.sleep(_PAUSE)
            is_idle = time.monotonic() - watch.wanted > _INTEREST
            is_over = is_idle or self._attempt()
            if is_over:
                with watch.lock:
                    watch.is_on = False
