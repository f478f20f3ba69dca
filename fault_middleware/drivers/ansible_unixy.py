# SPDX-License-Identifier: Apache-2.0
"""What the callback plugin ``community.general.unixy`` printed, read again.

It prints the texts of tasks as they are, behind the host.  So from the first of them on, a line of
one may look like the name of a task.
"""

import re
from collections.abc import Mapping
from typing import Any

from fault_middleware.drivers.ansible_numbers import DECODER
from fault_middleware.drivers.failures import Failure

# A task, and below it what its hosts did. A result is indented by more than a host is, so that no
# line is looked at for each of many hosts that a text may name.
_LINE = re.compile(
    r"^(?:(?P<task>\S.*)\.\.\. ?"
    r"|  (?P<host>\S+)(?: -> \S+)? (?:failed|(?P<lost>unreachable)!?)"
    r"(?: \|(?P<result>.*)|: (?P<json>\{(?:\n(?: {4}.*+\n)*+\}|.*))|)"
    r"|  \S+ .*\| (?P<text>msg|stdout|stderr): .*)$",
    re.MULTILINE,
)
_PART = re.compile(r"(msg|stdout|stderr): (.*)", re.DOTALL)


def read(text: str) -> list[Failure]:
    """The failures, with their task as long as no text stands before its name."""
    failures = []
    task = None
    is_sure = True
    for line in _LINE.finditer(text):
        if line["task"]:
            task = line["task"] if is_sure else None
            continue
        is_sure = False
        if line["host"]:
            failures.append(_failure(line, task))
    return failures


def _failure(line: re.Match[str], task: str | None) -> Failure:
    return Failure(line["host"], task, [_result(line)], bool(line["lost"]))


def _result(line: re.Match[str]) -> Mapping[str, Any]:
    """What is told behind the host: some texts, a result in JSON, or nothing."""
    if line["json"]:
        try:
            result = DECODER.decode(line["json"])
        except (ValueError, RecursionError):
            return {}
        return result if isinstance(result, Mapping) else {}
    told = (line["result"] or "").split(" | ")
    parts = [_PART.match(part.strip()) for part in told]
    return {part[1]: part[2] for part in parts if part}
