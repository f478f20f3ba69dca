# SPDX-License-Identifier: Apache-2.0
"""JSON that Ansible printed, read again whatever numbers are in it."""

import json


def _integer(digits: str) -> int | str:
    """An integer, or its text: Python reads none of over 4,300 digits."""
    try:
        return int(digits)
    except ValueError:
        return digits


#: Reads JSON; a number that cannot be read is a text.
DECODER = json.JSONDecoder(parse_int=_integer)
