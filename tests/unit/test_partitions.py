# SPDX-License-Identifier: Apache-2.0
"""Where the table is divided."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware import key
from fault_middleware.partitions.layout import BEYOND
from fault_middleware.partitions.period import (
    Period,
    bounds_from,
    first_bound,
    named_by,
)

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2108, 1, 1))
PERIODS = st.sampled_from(Period)


@given(PERIODS, MOMENTS)
def test_each_moment_is_in_one_period(period, moment):
    begin, end = period.begin(moment), period.end(moment)

    assert begin <= moment < end
    assert period.begin(end) == end
    assert period.end(begin) == end
    assert named_by(begin, end) is period


@pytest.mark.parametrize(
    ("period", "begin", "end"),
    [
        (Period.MONTH, datetime(2028, 2, 1), datetime(2028, 3, 1)),
        (Period.WEEK, datetime(2028, 2, 28), datetime(2028, 3, 6)),
        (Period.DAY, datetime(2028, 2, 29), datetime(2028, 3, 1)),
    ],
)
def test_months_weeks_and_days_are_those_of_the_calendar(period, begin, end):
    leap_day = datetime(2028, 2, 29, 13, 5)

    assert (period.begin(leap_day), period.end(leap_day)) == (begin, end)


@given(PERIODS, MOMENTS, st.timedeltas(timedelta(0), timedelta(9999)))
def test_there_are_partitions_from_the_oldest_row_to_some_time_ahead(
    period, now, age
):
    begin = first_bound(period, now - age, now)
    bounds = [begin, *bounds_from(period, begin, now)]

    assert begin <= now - age or len(bounds) > 60
    assert len(bounds) <= 60 + 1 + 1 + period.ahead
    assert bounds == sorted(set(bounds))
    assert len([bound for bound in bounds if bound > now]) == period.ahead + 1


def test_where_there_are_enough_none_is_added():
    end = datetime(2027, 3, 1)

    assert list(bounds_from(Period.MONTH, end, datetime(2026, 11, 30))) == []
    assert list(bounds_from(Period.MONTH, end, datetime(2026, 12, 1))) == [
        datetime(2027, 4, 1)
    ]


@given(MOMENTS, MOMENTS, st.binary())
def test_the_keys_of_a_time_are_not_below_its_bound(bound, moment, identity):
    bound = bound.replace(microsecond=0)
    first = key.first_of(bound)

    assert (key.make(moment, identity) >= first) is (moment >= bound)
    assert key.bound_of(first) == bound
    assert first < BEYOND
