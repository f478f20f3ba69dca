# SPDX-License-Identifier: Apache-2.0
"""Whether a fault is known better already, by a report that is hardly older."""

from fault_middleware.fault import Fault
from fault_middleware.store import Store


def has_fresher(store: Store, made: Fault, seconds: float) -> bool:
    """Whether the instance has another fault that is at most so many seconds older."""
    try:
        newest = store.newest(made.service, made.instance_id)
    except Exception:
        # We cannot look, in a replica that is away alone, say; the breaker has told of it.
        # One fault too many is better than none.
        return False
    if newest is None or newest.is_clearance or newest.id == made.id:
        return False
    return (made.created - newest.created).total_seconds() <= seconds
