# SPDX-License-Identifier: Apache-2.0
"""What happened, counted; what is wrong, said once.

Nothing that fails inside of a service that we sit in may raise, and nothing may be hidden: it is
counted here for Prometheus, and logged when it begins, once a minute while it goes on, and when
it ends.
"""

import functools
import logging
import os
import time
from typing import Any

import prometheus_client as prometheus
from prometheus_client import multiprocess

from fault_middleware import package_data

LOG = logging.getLogger(__name__)

_PREFIX = "fault_middleware"
_SECONDS_BETWEEN_LINES = 60.0
_log_once = functools.cache(functools.partial(LOG.error, "metrics: not everything is counted: %s"))


class Metrics:
    """The counters of ``metrics.yaml`` (``registry``) and troubles of a deployment in a process.

    Where the environment has a ``PROMETHEUS_MULTIPROC_DIR``, prometheus_client keeps the values in
    files of that folder, and in others after a fork.
    """

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self._troubles: dict[str, str] = {}
        self._logged: dict[str, float] = {}
        self._worked: set[tuple[int, str]] = set()
        self._series: dict[str, Any] = {}
        for name, arguments in package_data.load("metrics.yaml").items():
            kind, values = arguments.pop("kind"), arguments.pop("values", ())
            arguments |= {"namespace": _PREFIX, "registry": self.registry}
            try:
                self._series[name] = one = getattr(prometheus, kind)(**arguments)
                for value in values:
                    one.labels(value)
            except Exception as exc:
                _log_once(describe(exc))

    def count(self, name: str, value: float = 1, *label: str) -> None:
        """Add to a counter, or set a gauge; a file that fails harms nobody."""
        if name not in self._series:
            return
        try:
            one = self._series[name].labels(*label) if label else self._series[name]
            (one.inc if isinstance(one, prometheus.Counter) else one.set)(value)
        except Exception as exc:
            _log_once(describe(exc))

    @property
    def exposed(self) -> prometheus.CollectorRegistry:
        """What Prometheus is shown: of this process, or of all that share a folder."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
        if not os.path.isdir(folder):
            return self.registry
        registry = prometheus.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return registry

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, by the part that fails."""
        return dict(self._troubles)

    def counts(self) -> list[str]:
        """Every counter and gauge as ``name=value``, or ``name[label]=value`` if not 0."""
        try:
            found = list(self.registry.collect())
        except Exception as exc:  # of a file that processes share
            return [f"unknown: {describe(exc)}"]
        return [
            f"{sample.name.removeprefix(_PREFIX + '_')}"
            f"{''.join(f'[{value}]' for value in sample.labels.values())}={sample.value:g}"
            for metric in found
            for sample in metric.samples
            if not sample.name.endswith("_created") and (sample.value or not sample.labels)
        ]

    def trouble(self, part: str, text: str, exc: BaseException) -> None:
        """Note that a part (e.g. ``database``) fails, until it is :meth:`fine`.

        :param text: what follows from it, with the ids that help
        :param exc: why; only its kind and first line are logged: SQL with parameters may follow
        """
        self._troubles[part] = f"{text}: {describe(exc)}"
        self.count("failing", 1, part)
        if self._is_due(part):
            LOG.error("%s: %s", part, self._troubles[part])

    def begin(self, part: str) -> None:
        """Note that a part does not work yet, which is no error so far."""
        self._troubles[part] = "it did not begin to work yet"
        self.count("failing", 1, part)

    def fine(self, part: str) -> None:
        """Note that a part works."""
        mine = (os.getpid(), part)
        if self._troubles.pop(part, None) or mine not in self._worked:
            # At first too: a process that ended may have left another word in a shared folder.
            self._worked.add(mine)
            self.count("failing", 0, part)
        if self._logged.pop(part, None) is not None:
            LOG.info("%s: it works again", part)

    def error(self, site: str, text: str, exc: BaseException) -> None:
        """Note an error that was kept from the service, by its site in our code."""
        self.count("errors", 1, site)
        if self._is_due(site):
            LOG.error("%s: %s", site, text, exc_info=exc)

    def drop(self, reason: str, text: str) -> None:
        """Note what is given up, with the ids that help; reasons are a fixed set of words."""
        self.count("dropped", 1, reason)
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
