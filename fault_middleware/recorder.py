# SPDX-License-Identifier: Apache-2.0
"""The recorder: stores what notifications say, whatever is wrong with one or with the database.

It serves everybody who gets notifications; who they are decides only how long it tries.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_db import exception as db_exception

from fault_middleware import clock, fault
from fault_middleware.fault import Fault
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics, Reason, Site
from fault_middleware.profile import Profile
from fault_middleware.store import Store
from fault_middleware.text import cut_bytes, cut_characters, describe, printable

LOG = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
# How often a working database may refuse a row: with growing pauses, about six seconds.
_PATIENCE = 7
# Refusals that will not change.
_OF_THE_ROW = (
    *(db_exception.DBDataError, db_exception.DBInvalidUnicodeParameter),
    *(db_exception.DBConstraintError, ValueError, TypeError),
)


class Recorder:
    """From notifications to rows; ``clear_on_success``: what a profile calls a success clears."""

    def __init__(
        self, profiles: Sequence[Profile], store: Store, metrics: Metrics, clear_on_success: bool
    ) -> None:
        self._profiles = profiles
        self._store = store
        self._metrics = metrics
        self._clear_on_success = clear_on_success

    def extract(self, notification: Mapping[str, Any]) -> list[Fault]:
        """The rows of one notification, as for :meth:`Profile.extract`, whatever is in it."""
        self._metrics.received.inc()
        rows: list[Fault] = []
        for profile in self._profiles:
            try:
                extraction = profile.extract(notification)
            except Exception as exc:
                self._metrics.error(
                    Site.EXTRACT, f"notification {_name(notification)} is lost", exc
                )
                continue
            if extraction.reason:
                text = f"notification {_name(notification)}: {extraction.reason}"
                self._metrics.drop(Reason.NO_INSTANCE, text)
            if extraction.action != "success" or self._clear_on_success:
                rows += extraction.faults
        return rows

    def record(self, rows: Sequence[Fault], wait: Callable[[float], bool]) -> bool:
        """Store rows with one commit; if one of them cannot be stored, the others one by one.

        A database that fails is tried until it works. What a working one refuses for what is in it
        is tried again in ASCII, and then dropped; what it refuses for another reason (a deadlock,
        a cluster that cannot agree) is tried for some seconds before that.

        :param wait: waits for some seconds; returns whether to give up
        :returns: False if given up; some rows may have been stored then
        """
        pause, refusals = _FIRST_PAUSE, 0
        while rows:
            try:
                new = self._store.record(rows)
            except Exception as exc:
                works = self._works()
                if works and len(rows) > 1:
                    return all(self.record([row], wait) for row in rows)
                if works:
                    refusals = max(refusals + 1, _PATIENCE if isinstance(exc, _OF_THE_ROW) else 0)
                if refusals > _PATIENCE:
                    text = f"fault {rows[0].id} of {rows[0].service} {rows[0].instance_id}"
                    self._metrics.drop(Reason.REFUSED, f"{text}: {describe(exc)}")
                    self._metrics.health.works(Part.STORING)
                    return True
                if refusals == _PATIENCE:
                    rows = [_in_ascii(rows[0])]
                    continue
                self._metrics.retries.inc()
                self._metrics.health.fails(
                    Part.STORING, "faults wait until they can be stored", exc
                )
                if wait(pause):
                    return False
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._metrics.stored.inc(new)
                self._metrics.duplicates.inc(len(rows) - new)
                age = clock.utcnow() - rows[-1].created
                self._metrics.lag.set(age.total_seconds())
                self._metrics.health.works(Part.STORING)
                break
        return True

    def check(self) -> None:
        """Say now if nothing can be stored, and not when the first fault comes."""
        try:
            self._store.probe()
        except Exception as exc:
            LOG.error("%s: no fault could be stored now: %s", Part.STORING.label, describe(exc))

    def _works(self) -> bool:
        """Whether the database would store a row at all."""
        try:
            self._store.probe()
        except Exception:
            return False
        return True


def _in_ascii(row: Fault) -> Fault:
    """A row whose texts are ASCII; what identifies it stays."""
    texts = (row.message, row.details)
    message, details = (text.encode("ascii", "backslashreplace").decode() for text in texts)
    nothing: Any = dict.fromkeys(("event_type", "request_id", "project_id", "problem"))
    return dataclasses.replace(
        row,
        message=cut_characters(message, fault.MESSAGE_CHARACTERS),
        details=cut_bytes(details, fault.DETAILS_BYTES),
        **nothing,
    )


def _name(notification: Mapping[str, Any]) -> str:
    name = f"{notification.get('event_type')!s:.100} {notification.get('message_id')!s:.64}"
    return printable(name)  # whoever may publish chooses it
