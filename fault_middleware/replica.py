# SPDX-License-Identifier: Apache-2.0
"""A table whose look-ups go to a replica, and to its primary while the replica does not answer."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from fault_middleware.breaker import SuspendedError
from fault_middleware.fault import Fault
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics
from fault_middleware.store import Store

_Arguments = ParamSpec("_Arguments")
_Found = TypeVar("_Found")


class ReplicatedStore(Store):
    """The table in ``connection``, looked up in ``slave_connection`` as long as that answers.

    A look-up that the replica fails at once asks the primary. One for which it has waited longer
    than half of ``lookup_timeout`` fails, as it may not wait as long again; from then on all
    ask the primary, until the replica answers a thread of ours.

    :param options: the values of group ``[fault_middleware_database]``, with both URLs
    :param lookup_timeout: as of :class:`Store`, for each of the two databases
    :raises ConfigurationError: when a URL is not usable
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        lookup_timeout: float,
        metrics: Metrics | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        # Its errors name the option of the replica.
        self.replica = Store(options, lookup_timeout, metrics, Part.REPLICA)
        primary = {**options, "slave_connection": None}
        super().__init__(primary, lookup_timeout, metrics)

    def newest(self, service: str, instance_id: str) -> Fault | None:
        """As :meth:`Store.newest`."""
        return self._look_up(Store.newest, service, instance_id)

    def newest_between(
        self, service: str, instance_id: str, since: datetime, until: datetime
    ) -> Fault | None:
        """As :meth:`Store.newest_between`."""
        return self._look_up(
            Store.newest_between, service, instance_id, since, until
        )

    def newest_of_many(
        self,
        service: str,
        instance_ids: Iterable[str],
        with_details: bool = True,
    ) -> dict[str, Fault]:
        """As :meth:`Store.newest_of_many`."""
        ids = list(instance_ids)  # which may be asked for twice
        return self._look_up(Store.newest_of_many, service, ids, with_details)

    def history(self, service: str, instance_id: str) -> list[Fault]:
        """As :meth:`Store.history`."""
        return self._look_up(Store.history, service, instance_id)

    def whole(self, rows: Sequence[Fault]) -> dict[str, Fault]:
        """As :meth:`Store.whole`."""
        return self._look_up(Store.whole, rows)

    def _look_up(
        self,
        method: Callable[Concatenate[Store, _Arguments], _Found],
        *values: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Found:
        begin = time.monotonic()
        try:
            return method(self.replica, *values, **named)
        except SuspendedError:
            pass
        except Exception:  # which the breaker has told
            if time.monotonic() - begin > self._lookup_timeout / 2:
                raise
        return method(self, *values, **named)


def make(
    options: Mapping[str, Any],
    lookup_timeout: float,
    falls_back: bool,
    metrics: Metrics,
) -> Store:
    """The store of these options; the first ones are of ``[fault_middleware_database]``."""
    if falls_back and options["slave_connection"]:
        return ReplicatedStore(options, lookup_timeout, metrics)
    return Store(options, lookup_timeout, metrics)
