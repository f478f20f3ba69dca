# SPDX-License-Identifier: Apache-2.0
"""Why no rule of a profile matches a record of a log."""

from collections.abc import Mapping, Sequence

from fault_middleware.log_place import Seen
from fault_middleware.log_rule import OBSTACLES, LogRule

_SAID: Mapping[str, str] = {
    "level": "the level is too low",
    "user": "no user is known whose request it was",
    "text": "the text does not match",
    "exception": "the exception does not match",
    "function": "it does not come from one of its functions",
}


def reason(rules: Sequence[LogRule], sighting: Seen) -> str:
    """By what the nearest rule does not match; the first of several that are as near.

    :param rules: none of which matches
    """
    nearest = 0
    passed = -1
    for number, rule in enumerate(rules, 1):
        place = OBSTACLES.index(rule.obstacle(sighting) or "logger")
        if place > passed:
            nearest = number
            passed = place
    said = _SAID.get(OBSTACLES[passed])
    if said is None:
        return "no rule has this logger"
    return f"the nearest rule is number {nearest}, but {said}"
