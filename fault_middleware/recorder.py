# SPDX-License-Identifier: Apache-2.0
"""The recorder: stores what notifications say, whatever is wrong with one or with the database.

It serves everybody who gets notifications; they differ only in how long they let it wait.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fault_middleware import clock, ending, fault, freshness
from fault_middleware.fault import Fault
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics, Reason, Site
from fault_middleware.profile import Profile
from fault_middleware.refusal import Refusal, judge
from fault_middleware.store import Store
from fault_middleware.text import (
    cut_bytes,
    cut_characters,
    describe,
    printable,
)

LOG = logging.getLogger(__name__)

# Seconds.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
# How often a row is tried again that a working database refuses: with growing pauses, for about
# six seconds.
_MOST_TRIES = 6


class _GivenUpError(Exception):
    """The caller does not want to wait any longer."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Refused:
    """Rows were not stored: what becomes of them, and the error."""

    refusal: Refusal
    error: Exception


class Recorder:
    """From notifications to rows.

    :param clear_on_success: what a success clears, see :mod:`fault_middleware.clearing`
    """

    def __init__(
        self,
        profiles: Sequence[Profile],
        store: Store,
        metrics: Metrics,
        clear_on_success: str,
    ) -> None:
        # Loaded now: a package that is upgraded later must not be a part of this process.
        self._sources = [profile.sources for profile in profiles]
        self._store = store
        self._metrics = metrics
        self._clear_on_success = clear_on_success

    def extract(self, *notifications: Mapping[str, Any]) -> list[Fault]:
        """The rows of notifications, as for :meth:`Sources.extract`, whatever is in them."""
        self._metrics.received.inc(len(notifications))
        rows: list[Fault] = []
        for notification in notifications:
            rows += self._rows(notification)
        return rows

    def record(
        self, rows: Sequence[Fault], wait: Callable[[float], bool]
    ) -> bool:
        """Store rows with one commit; if one of them is refused, each with a commit of its own.

        While the database is away the rows wait. A row that a working database refuses for what is
        in it is tried again in ASCII, and then dropped; if the error does not say why, it is tried
        for some seconds before that.

        :param wait: waits for some seconds; returns whether to give up
        :returns: False if given up; some rows may have been stored then
        """
        try:
            self._record_all(rows, wait)
        except _GivenUpError:
            return False
        return True

    def check(self) -> None:
        """Say now if nothing can be stored, and not when the first fault comes."""
        try:
            self._store.probe()
        except Exception as exc:
            LOG.error(
                "%s: no fault could be stored now: %s",
                Part.STORING.label,
                describe(exc),
            )

    def _rows(self, notification: Mapping[str, Any]) -> list[Fault]:
        """The rows of one notification."""
        rows: list[Fault] = []
        for sources in self._sources:
            try:
                extraction = sources.extract(notification)
            except Exception as exc:
                self._metrics.error(
                    Site.EXTRACT,
                    f"notification {_name(notification)} is lost",
                    exc,
                )
                continue
            if extraction.reason:
                text = (
                    f"notification {_name(notification)}: {extraction.reason}"
                )
                self._metrics.drop(Reason.NO_INSTANCE, text)
            found: Sequence[Fault] = extraction.faults
            if extraction.action == "success":
                found = ending.clearances(found, self._clear_on_success)
            rows += fault.share_out(found)
        return rows

    def _record_all(
        self, rows: Sequence[Fault], wait: Callable[[float], bool]
    ) -> None:
        refused = self._store_when_up(rows, wait)
        if refused is None:
            return
        if len(rows) == 1:
            self._record_refused(rows[0], refused, wait)
            return
        for row in rows:
            self._record_all([row], wait)

    def _record_refused(
        self,
        row: Fault,
        refused: _Refused | None,
        wait: Callable[[float], bool],
    ) -> None:
        """Try again what a working database refused; in the end as ASCII, or drop it."""
        pause = _FIRST_PAUSE
        for _ in range(_MOST_TRIES):
            if refused is None:
                return
            if refused.refusal is Refusal.OF_THE_ROW:
                break
            self._rest(pause, refused.error, wait)
            pause *= 2
            refused = self._store_when_up([row], wait)
        if refused is not None:
            refused = self._store_when_up([_in_ascii(row)], wait)
        if refused is not None:
            name = f"fault {row.id} of {row.service} {row.instance_id}"
            self._metrics.drop(
                Reason.REFUSED, f"{name}: {describe(refused.error)}"
            )
            self._metrics.health.works(Part.STORING)

    def _store_when_up(
        self, rows: Sequence[Fault], wait: Callable[[float], bool]
    ) -> _Refused | None:
        """Store rows as soon as the database is there; None, or why it refused them."""
        pause = _FIRST_PAUSE
        while True:
            refused = self._try(rows)
            if refused is None or refused.refusal is not Refusal.AWAY:
                return refused
            self._rest(pause, refused.error, wait)
            self._store.reconnect()
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _try(self, rows: Sequence[Fault]) -> _Refused | None:
        if not rows:
            return None
        successes = [row for row in rows if row.is_of_one_operation]
        others = [row for row in rows if not row.is_of_one_operation]
        try:
            others = self._without_known(others)
            new = self._store.record(others)
            ended = self._store.record_successes(successes)
        except Exception as exc:
            return _Refused(self._judge(exc, rows), exc)
        self._metrics.stored.inc(new + ended)
        self._metrics.duplicates.inc(len(others) - new)
        age = clock.utcnow() - rows[-1].created
        self._metrics.lag.set(age.total_seconds())
        self._metrics.health.works(Part.STORING)
        return None

    def _without_known(self, rows: Sequence[Fault]) -> list[Fault]:
        """Rows but for faults that are there already, better told."""
        kept = [row for row in rows if not row.skip_delta]
        for row in rows:
            if not row.skip_delta:
                continue
            is_here = any(_is_fresher(other, row) for other in kept)
            if not is_here and not freshness.has_fresher(
                self._store, row, row.skip_delta
            ):
                kept.append(row)
        return kept

    def _judge(self, exc: Exception, rows: Sequence[Fault]) -> Refusal:
        """What becomes of rows, by the error and by whether the database stores another row."""
        refusal = judge(exc)
        if refusal is Refusal.AWAY:
            return refusal
        like = None
        if refusal is Refusal.UNKNOWN:
            like = max(rows, key=fault.size)
        return refusal if self._stores(like) else Refusal.AWAY

    def _stores(self, like: Fault | None) -> bool:
        """Whether the database stores a row as large as another one, or a small one."""
        try:
            self._store.probe(like)
        except Exception as exc:
            # A row of that size is refused as such: the database may work for others.
            is_too_large = (
                like is not None and judge(exc) is Refusal.OF_THE_ROW
            )
            return is_too_large and self._stores(None)
        return True

    def _rest(
        self, pause: float, error: Exception, wait: Callable[[float], bool]
    ) -> None:
        self._metrics.retries.inc()
        self._metrics.health.fails(
            Part.STORING, "faults wait until they can be stored", error
        )
        if wait(pause):
            raise _GivenUpError


def _is_fresher(other: Fault, row: Fault) -> bool:
    """Whether a fault of the same batch tells what a row would be skipped for."""
    if other.is_clearance or other.skip_delta:
        return False
    if (other.service, other.instance_id) != (row.service, row.instance_id):
        return False
    age = (row.created - other.created).total_seconds()
    return age <= row.skip_delta


def _in_ascii(row: Fault) -> Fault:
    """A row whose texts are ASCII; what identifies it stays."""
    message = row.message.encode("ascii", "backslashreplace").decode()
    details = row.details.encode("ascii", "backslashreplace").decode()
    return dataclasses.replace(
        row,
        message=cut_characters(message, fault.MESSAGE_CHARACTERS),
        details=cut_bytes(details, fault.DETAILS_BYTES),
        event_type=None,
        request_id=None,
        project_id=None,
        problem=None,
    )


def _name(notification: Mapping[str, Any]) -> str:
    name = f"{notification.get('event_type')!s:.100} {notification.get('message_id')!s:.64}"
    return printable(name)  # whoever may publish chooses it
