# SPDX-License-Identifier: Apache-2.0
"""What a list does not say itself: that it is empty, or not all of it, and how to go on."""

import argparse
import sys

from fault_middleware import listing
from fault_middleware.listing import Counted, Page

_NOT_THAT_REQUEST = (
    "No fault has this request id. Searched was the id in the notification of the failure. Trove "
    "gives that another id than the one in the header x-openstack-request-id of the call; there, "
    "search with --instance or --since."
)


def on_page(page: Page, given: argparse.Namespace) -> None:
    """Say what is missing from a page."""
    if page.unseen is not None:
        back_to = page.unseen.created.isoformat(" ", "seconds")
        _say(
            f"Looked at were {listing.MOST_LOOKED_AT} rows, back to {back_to}; --after "
            f"{page.unseen.id} goes on from there, --limit 0 looks at all."
        )
    elif not page.rows:
        _say(_reason_for_none(given))
    elif len(page.rows) == given.limit:
        last = page.rows[-1]["id"]
        _say(
            f"There may be more: --after {last} lists the next ones, --limit 0 all."
        )


def on_folded(counted: Counted, given: argparse.Namespace) -> None:
    """Say what was not counted, or is not listed."""
    if counted.is_partial:
        _say(
            f"Counted were the newest {listing.MOST_COUNTED} rows; --limit 0 counts all."
        )
    elif not counted.rows:
        _say(_reason_for_none(given))
    elif len(counted.rows) == given.limit:
        _say(f"These are the newest {given.limit}; --limit 0 shows all.")


def on_counted(counted: Counted) -> None:
    """Say what was not counted of a time."""
    if counted.is_partial:
        _say(
            f"Counted were the newest {listing.MOST_COUNTED} faults and clearances of that time; "
            "there are more."
        )
    elif not counted.rows:
        _say("There are no such faults.")


def _reason_for_none(given: argparse.Namespace) -> str:
    if given.request_id:
        return _NOT_THAT_REQUEST
    return "There are no such faults."


def _say(text: str) -> None:
    print(text, file=sys.stderr)
