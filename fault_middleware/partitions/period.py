# SPDX-License-Identifier: Apache-2.0
"""Months, weeks and days, in UTC. Pure."""

import enum
from collections.abc import Iterator
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
# The longest month, and then some.
_OVER_A_MONTH = timedelta(days=32)
# More than this, and each look-up would ask more partitions than it saves anybody.
_MOST_IN_THE_PAST = 60


class Period(enum.Enum):
    """How much time a partition has."""

    MONTH = "month"
    WEEK = "week"
    DAY = "day"

    def begin(self, moment: datetime) -> datetime:
        """When the period began that a moment is in; weeks begin on Monday."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if self is Period.MONTH:
            return midnight.replace(day=1)
        if self is Period.WEEK:
            return midnight - midnight.weekday() * _DAY
        return midnight

    def end(self, moment: datetime) -> datetime:
        """When the period ends that a moment is in."""
        begin = self.begin(moment)
        if self is Period.MONTH:
            return self.begin(begin + _OVER_A_MONTH)
        if self is Period.WEEK:
            return begin + 7 * _DAY
        return begin + _DAY

    @property
    def ahead(self) -> int:
        """How many partitions there are to be for times that have not begun."""
        return {Period.MONTH: 3, Period.WEEK: 4, Period.DAY: 7}[self]


def named_by(begin: datetime, end: datetime) -> Period:
    """What a partition of such a time is; the first one of a kind may be a part of it."""
    if end - begin > 7 * _DAY:
        return Period.MONTH
    if end - begin > _DAY:
        return Period.WEEK
    return Period.DAY


def bounds_from(
    period: Period, begin: datetime, now: datetime
) -> Iterator[datetime]:
    """The ends of the periods behind ``begin``, as many as are to be there at a time."""
    wanted = now
    for _ in range(period.ahead):
        wanted = period.end(wanted)
    bound = begin
    while bound <= wanted:
        bound = period.end(bound)
        yield bound


def first_bound(
    period: Period, oldest: datetime | None, now: datetime
) -> datetime:
    """Where the first partition of a table begins; what is older has one together."""
    begin = period.begin(now)
    for _ in range(_MOST_IN_THE_PAST):
        if oldest is None or begin <= oldest:
            break
        begin = period.begin(begin - _DAY)
    return begin
