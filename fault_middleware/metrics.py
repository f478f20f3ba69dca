# SPDX-License-Identifier: Apache-2.0
"""What happened, counted for Prometheus.

Counting raises nothing, since the service must not notice: if prometheus_client cannot write a
file, the log says once that not everything is counted. A fork in the middle of counting leaves no
lock behind that nobody releases.
"""

import contextlib
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import prometheus_client as prometheus
from prometheus_client import multiprocess

from fault_middleware.health import Health, Journal, Label, Part
from fault_middleware.process import let_forks_wait_for
from fault_middleware.text import describe

LOG = logging.getLogger(__name__)

_Registry = prometheus.CollectorRegistry
_PREFIX = "fault_middleware"
# Of processes that share a folder, a gauge shows the value that was set last.
_MODE = "mostrecent"
_Kind = TypeVar("_Kind", prometheus.Counter, prometheus.Gauge)
_Label = TypeVar("_Label", bound=Label)


class Site(Label):
    """Where in our code an error was kept from the service."""

    CONSUMER = "consumer", "consumer"
    CREDENTIALS = "credentials", "policy"
    DRIVER = "driver", "notification_driver"
    EXTRACT = "extract", "recorder"
    FILTER = "filter", "filter"
    LOG = "log", "log"
    POLICY = "policy", "policy"
    WRITER = "writer", "writer"


class Outcome(Label):
    """What became of a log record that a rule of a profile matches."""

    TAKEN = "taken", "log"
    NO_INSTANCE = "no instance", "log"
    AMBIGUOUS = "several instances", "log"
    TOO_MANY = "too many", "log"


class Reason(Label):
    """Why a notification or a row was given up."""

    NO_INSTANCE = "no instance", "recorder"
    REFUSED = "refused by the database", "recorder"
    PROCESS_ENDED = "the process ended", "writer"
    QUEUE_FULL = "the queue is full or closed", "writer"
    UNREADABLE = "unreadable", "listener"


class _Series(Generic[_Kind]):
    """A metric of prometheus_client; it counts nothing where it could not be made."""

    def __init__(
        self,
        kind: type[_Kind],
        registry: _Registry,
        name: str,
        help: str,
        **arguments: Any,
    ) -> None:
        self._gate = _gate()
        self._series: _Kind | None = None
        with _RaisingNothing(), self._gate:
            self._series = kind(
                name, help, namespace=_PREFIX, registry=registry, **arguments
            )


class Counter(_Series[prometheus.Counter]):
    """Counts."""

    def __init__(self, registry: _Registry, name: str, help: str) -> None:
        super().__init__(prometheus.Counter, registry, name, help)

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        if self._series is not None:
            with _RaisingNothing():
                self._gate.count(self._series.inc, amount)


class Gauge(_Series[prometheus.Gauge]):
    """Holds a value; of processes that share a folder, the value that was set last."""

    def __init__(self, registry: _Registry, name: str, help: str) -> None:
        super().__init__(
            prometheus.Gauge, registry, name, help, multiprocess_mode=_MODE
        )

    def set(self, value: float) -> None:
        """Set it."""
        if self._series is not None:
            with _RaisingNothing():
                self._gate.count(self._series.set, value)


class Counters(_Series[prometheus.Counter], Generic[_Label]):
    """A counter for each member of ``labels``, the values of one label.

    Each is there at 0 before it counts: Prometheus sees no increase of what was not there.
    """

    def __init__(
        self, registry: _Registry, name: str, help: str, labels: type[_Label]
    ) -> None:
        names = [labels.__name__.lower()]
        super().__init__(
            prometheus.Counter, registry, name, help, labelnames=names
        )
        for label in labels:
            self.inc(label, 0)

    def inc(self, label: _Label, amount: float = 1) -> None:
        """Add to the counter of a label."""
        if self._series is not None:
            with _RaisingNothing():
                self._gate.count(self._add, label, amount)

    def _add(self, label: _Label, amount: float) -> None:
        assert self._series is not None  # noqa: S101 inc() has looked
        self._series.labels(label.label).inc(amount)


class Gauges(_Series[prometheus.Gauge], Generic[_Label]):
    """A gauge for each member of ``labels``; as :class:`Gauge` and :class:`Counters`."""

    def __init__(
        self, registry: _Registry, name: str, help: str, labels: type[_Label]
    ) -> None:
        names = [labels.__name__.lower()]
        super().__init__(
            prometheus.Gauge,
            registry,
            name,
            help,
            labelnames=names,
            multiprocess_mode=_MODE,
        )
        for label in labels:
            if self._series is not None:
                with _RaisingNothing(), self._gate:
                    self._series.labels(label.label)

    def set(self, label: _Label, value: float) -> None:
        """Set the gauge of a label."""
        if self._series is not None:
            with _RaisingNothing():
                self._gate.count(self._put, label, value)

    def _put(self, label: _Label, value: float) -> None:
        assert self._series is not None  # noqa: S101 set() has looked
        self._series.labels(label.label).set(value)


class Metrics:
    """What a deployment counts in a process.

    Where the environment has a ``PROMETHEUS_MULTIPROC_DIR``, prometheus_client keeps the values in
    files of that folder, and in others after a fork.

    :ivar registry: holds the metrics of this process
    :ivar health: what works and what fails, which is a metric too
    """

    def __init__(self) -> None:
        self.registry = registry = prometheus.CollectorRegistry()
        self.received = Counter(
            registry,
            "notifications_received",
            "Notifications taken from a queue, or by the notification driver",
        )
        self.log_records = Counters(
            registry,
            "log_records",
            "Log records that a rule of a profile matches",
            Outcome,
        )
        self.stored = Counter(
            registry, "faults_stored", "New rows in the table of faults"
        )
        self.duplicates = Counter(
            registry, "duplicates", "Rows that were in the table already"
        )
        self.dropped = Counters(
            registry, "dropped", "Notifications and rows given up", Reason
        )
        self.purged = Counter(
            registry, "faults_purged", "Rows that retention removed"
        )
        self.retries = Counter(
            registry,
            "retries",
            "Times that storing failed and was tried again",
        )
        self.errors = Counters(
            registry, "errors", "Errors that were kept from the service", Site
        )
        self.lag = Gauge(
            registry,
            "lag_seconds",
            "Age of the notification that was stored last, when it was stored",
        )
        self.suspended = Gauge(
            registry,
            "lookups_suspended",
            "Whether requests are spared the wait for a database that does not answer",
        )
        self.failing = Gauges(
            registry, "failing", "Whether a part does not work", Part
        )
        self.health = Health(self.failing.set)
        self._journal = Journal()

    @contextlib.contextmanager
    def guard(self, site: Site, text: str) -> Iterator[None]:
        """Surround what the service must not notice; see :meth:`error`."""
        try:
            yield
        except Exception as exc:
            self.error(site, text, exc)

    def error(self, site: Site, text: str, exc: BaseException) -> None:
        """Note an error that was kept from the service: it is counted, and logged.

        :param text: what follows from it, with the ids that help
        """
        self.errors.inc(site)
        self._journal.write(
            site, logging.ERROR, f"{site.label}: {text}", exc_info=exc
        )

    def drop(self, reason: Reason, text: str) -> None:
        """Note what is given up, with the ids that help: it is counted, and logged."""
        self.dropped.inc(reason)
        self._journal.write(
            reason, logging.WARNING, f"dropped ({reason.label}): {text}"
        )

    @property
    def exposed(self) -> prometheus.CollectorRegistry:
        """What Prometheus is shown: of this process, or of all that share a folder."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
        if not os.path.isdir(folder):
            return self.registry
        registry = prometheus.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return registry

    def counts(self) -> list[str]:
        """Every counter and gauge as ``name=value``, or ``name[label]=value`` if not 0."""
        try:
            with _gate():
                metrics = list(self.registry.collect())
        except Exception as exc:  # of a file that processes share
            return [f"unknown: {describe(exc)}"]
        told = []
        for metric in metrics:
            for sample in metric.samples:
                is_empty = sample.labels and not sample.value
                if is_empty or sample.name.endswith("_created"):
                    continue
                name = sample.name.removeprefix(f"{_PREFIX}_")
                labels = "".join(
                    f"[{value}]" for value in sample.labels.values()
                )
                told.append(f"{name}{labels}={sample.value:g}")
        return told


class _Gate:
    """Lets one thread count at a time, and no process fork meanwhile.

    prometheus_client has locks. A fork would copy one that another thread holds, and whoever
    counts in the new process would wait for ever; so would a signal handler that counts in the
    middle of counting.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_counting = False
        let_forks_wait_for(self._lock)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def count(self, change: Callable[..., None], *arguments: object) -> None:
        """Change a metric, unless this very thread is already changing one."""
        with self._lock:
            if self._is_counting:
                return
            self._is_counting = True
            try:
                change(*arguments)
            finally:
                self._is_counting = False


@functools.cache
def _gate() -> _Gate:
    """The one of all metrics; see :func:`let_forks_wait_for`."""
    return _Gate()


class _RaisingNothing:
    """Keeps the errors of counting from everybody who counts.

    A class, since a generator would take several times as long as the counting does.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, exc: BaseException | None, traceback: object
    ) -> bool:
        if not isinstance(exc, Exception):
            return False
        _log_once(describe(exc))
        return True


@functools.cache
def _log_once(text: str) -> None:
    LOG.error("metrics: not everything is counted: %s", text)
