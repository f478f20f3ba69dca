# SPDX-License-Identifier: Apache-2.0
"""Times as the table has them: naive UTC."""

from datetime import UTC, datetime
from typing import Any


def utcnow() -> datetime:
    """Now, as the table keeps it: UTC without a zone, in microseconds."""
    return datetime.now(UTC).replace(tzinfo=None)


def parse_time(value: Any) -> datetime | None:
    """Read an ISO 8601 time, with or without a zone, as naive UTC.

    Returns None for what is not a time; without a zone it is UTC, as in all OpenStack services.
    """
    try:
        moment = datetime.fromisoformat(value)
        return (
            moment.astimezone(UTC).replace(tzinfo=None)
            if moment.tzinfo
            else moment
        )
    except (TypeError, ValueError, OverflowError):
        return None
