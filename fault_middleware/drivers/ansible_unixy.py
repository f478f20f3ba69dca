# SPDX-License-Identifier: Apache-2.0
"""What the callback plugin ``community.general.unixy`` printed, read again.

It prints the texts of tasks as they are, behind the host.  So from the first of them on, a line of
one may look like the name of a task.
"""

import re

from fault_middleware.drivers.failures import Failure

# A task, and below it what its hosts did.
_LINE = re.compile(
    r"^(?:(?P<task>\S.*)\.\.\. ?"
    r"|  (?P<host>\S+)(?: -> \S+)? (?:failed|(?P<lost>unreachable)!?) \|(?P<result>.*)"
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
    parts = [_PART.match(part.strip()) for part in line["result"].split(" | ")]
    result = {part[1]: part[2] for part in parts if part}
    return Failure(line["host"], task, [result], bool(line["lost"]))
