# SPDX-License-Identifier: Apache-2.0
"""What happened, counted; what is wrong, said once.

Nothing that fails inside of a service that we sit in may raise, and nothing may be hidden: it is
counted here for Prometheus, and logged when it begins, once a minute while it goes on, and when
it ends.
"""

import functools
import logging
import time
from typing import Any

import prometheus_client as prometheus

LOG = logging.getLogger(__name__)

_PREFIX = "fault_middleware"
_SECONDS_BETWEEN_LINES = 60.0


class Metrics:
    """The counters (``registry``, for an exporter) and troubles of a deployment in a process."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        ours: Any = {"namespace": _PREFIX, "registry": self.registry}
        counter: Any = functools.partial(prometheus.Counter, **ours)
        gauge: Any = functools.partial(prometheus.Gauge, **ours)
        self.received = counter("notifications_received", "Notifications taken from a queue")
        self.stored = counter("faults_stored", "New rows in the table of faults")
        self.duplicates = counter("duplicates", "Rows that were in the table already")
        self.dropped = counter("dropped", "Notifications and rows given up", ["reason"])
        self.purged = counter("faults_purged", "Rows that retention removed")
        self.retries = counter("retries", "Times that storing failed and was tried again")
        self.errors = counter("errors", "Errors that were kept from the service", ["site"])
        text = "Age of the notification that was stored last, when it was stored"
        self.lag = gauge("lag_seconds", text, multiprocess_mode="max")
        text = "Whether requests are spared the wait for a database that does not answer"
        self.suspended = gauge("lookups_suspended", text, multiprocess_mode="livesum")
        self._troubles: dict[str, str] = {}
        self._logged: dict[str, float] = {}

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, by the part that fails."""
        return dict(self._troubles)

    def counts(self) -> list[str]:
        """Every counter and gauge as ``name=value`` or ``name[label]=value``."""
        return [
            f"{sample.name.removeprefix(_PREFIX + '_')}"
            f"{''.join(f'[{value}]' for value in sample.labels.values())}={sample.value:g}"
            for metric in self.registry.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        ]

    def trouble(self, part: str, text: str, exc: BaseException) -> None:
        """Note that a part (e.g. ``database``) fails, until it is :meth:`fine`.

        :param text: what follows from it, with the ids that help
        :param exc: why; only its kind and first line are logged: SQL with parameters may follow
        """
        self._troubles[part] = f"{text}: {describe(exc)}"
        if self._is_due(part):
            LOG.error("%s: %s", part, self._troubles[part])

    def begin(self, part: str) -> None:
        """Note that a part does not work yet, which is no error so far."""
        self._troubles[part] = "it did not begin to work yet"

    def fine(self, part: str) -> None:
        """Note that a part works."""
        self._troubles.pop(part, None)
        if self._logged.pop(part, None) is not None:
            LOG.info("%s: it works again", part)

    def error(self, site: str, text: str, exc: BaseException) -> None:
        """Note an error that was kept from the service, by its site in our code."""
        self.errors.labels(site).inc()
        if self._is_due(site):
            LOG.error("%s: %s", site, text, exc_info=exc)

    def drop(self, reason: str, text: str) -> None:
        """Note what is given up, with the ids that help; reasons are a fixed set of words."""
        self.dropped.labels(reason).inc()
        if self._is_due(f"dropped ({reason})"):
            LOG.warning("dropped (%s): %s", reason, text)

    def _is_due(self, key: str) -> bool:
        """Whether to log a line of a kind again."""
        # Without a lock, which a fork could leave locked: at worst a line is logged twice.
        now = time.monotonic()
        if now - self._logged.get(key, float("-inf")) < _SECONDS_BETWEEN_LINES:
            return False
        self._logged[key] = now
        return True


def describe(exc: BaseException) -> str:
    """An exception in one line."""
    return f"{type(exc).__name__}: {str(exc).partition(chr(10))[0]}"[:300]
