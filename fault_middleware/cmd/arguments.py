# SPDX-License-Identifier: Apache-2.0
"""Types of the commands' arguments, for argparse."""

import argparse
import re
from datetime import datetime, timedelta

from fault_middleware import clock

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def count(text: str) -> int:
    """A whole number that a database can take for a number of rows or days."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from 0 to 999999999"
        )
    return int(text)


def time(text: str) -> datetime:
    """A time in UTC: an ISO 8601 time, or how long ago it was, such as ``12h``."""
    ago = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if ago is not None:
        number, unit = ago.groups()
        return clock.utcnow() - timedelta(**{_UNITS[unit]: int(number)})
    moment = clock.parse_time(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time")
    return moment
