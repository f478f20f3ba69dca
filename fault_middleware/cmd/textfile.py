# SPDX-License-Identifier: Apache-2.0
"""What fails most, as a file for the textfile collector of Prometheus's node exporter."""

import errno
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import prometheus_client as prometheus

from fault_middleware.cmd import formats

#: The most rows of a file: each of them is three series of Prometheus.
MOST_ROWS = 100

_PREFIX = "fault_middleware_top"


def write(
    path: str, keys: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write a file, or replace it in one step.

    :param keys: the columns that become labels; one without a value becomes an empty label
    :param rows: with these columns, ``count``, ``instances`` and ``last`` (naive UTC)
    :raises OSError: when the file cannot be written, or what is there is not a file
    """
    _refuse_what_is_not_a_file(path)
    registry = prometheus.CollectorRegistry()
    faults = prometheus.Gauge(
        f"{_PREFIX}_faults",
        "Faults of the time that was asked for",
        keys,
        registry=registry,
    )
    instances = prometheus.Gauge(
        f"{_PREFIX}_instances",
        "Instances that had them",
        keys,
        registry=registry,
    )
    last = prometheus.Gauge(
        f"{_PREFIX}_last_timestamp_seconds",
        "When the last of them happened",
        keys,
        registry=registry,
    )
    for row in rows:
        labels = [formats.printable(row[key] or "", "") for key in keys]
        faults.labels(*labels).set(row["count"])
        instances.labels(*labels).set(row["instances"])
        moment = row["last"].replace(tzinfo=UTC)
        last.labels(*labels).set(moment.timestamp())
    prometheus.write_to_textfile(path, registry)


def _refuse_what_is_not_a_file(path: str) -> None:
    """OSError where a file would take the place of something else, such as ``/dev/stdout``."""
    target = Path(path)
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "is there, and is not a file")
