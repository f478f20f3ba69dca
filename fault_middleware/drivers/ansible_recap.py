# SPDX-License-Identifier: Apache-2.0
"""The recap at the end of a run of Ansible: of each host, how many failures count."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping

from fault_middleware.drivers.failures import Failure

_LINE = re.compile(
    r"^ {0,2}(?P<host>\S+) *: ok=(?P<ok>\d+) +changed=(?P<changed>\d+)"
    r" +unreachable=(?P<unreachable>\d+) +failed=(?P<failed>\d+)"
    r"(?: +skipped=(?P<skipped>\d+))?"
    r"(?: +rescued=(?P<rescued>\d+) +ignored=(?P<ignored>\d+))?",
    re.MULTILINE,
)
_BEGINS = re.compile(r"^(?:PLAY RECAP \*|- Play recap -)", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks of a host ended in which way.

    :ivar failed: they failed, and count
    :ivar unreachable: they found it unreachable, and count
    :ivar ok: they went well, or were ignored; ``changed`` of them changed the host
    """

    failed: int
    unreachable: int
    ok: int = 0
    changed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0

    @property
    def passed_over(self) -> int:
        """How many failures were rescued or ignored."""
        return self.rescued + self.ignored


def is_left_out(returncode: int | None) -> bool:
    """Whether Ansible printed no recap: a signal, a Ctrl-C, or an error of its own ended it."""
    if returncode is None:
        return False
    return returncode < 0 or returncode in (99, 250)


def read(out: str) -> dict[str, Counts] | None:
    """What the last recap counts for each host; None where there is none."""
    place = begin(out)
    if place == len(out):
        return None
    lines = _LINE.finditer(out, place, end(out))
    return {line["host"]: _counts(line) for line in lines}


def begin(out: str) -> int:
    """Where the last recap begins; the end of the output where there is none."""
    place = len(out)
    for heading in _BEGINS.finditer(out):
        place = heading.start()
    return place


def end(out: str) -> int:
    """Where the last recap ends: what other callbacks print behind may look like lines of it."""
    blank = out.find("\n\n", begin(out))
    return len(out) if blank < 0 else blank


def _counts(line: re.Match[str]) -> Counts:
    numbers = line.groupdict(default="0")
    del numbers["host"]
    return Counts(**{name: _number(numbers[name]) for name in numbers})


def _number(digits: str) -> int:
    """A number of tasks; a text may hold more digits than Python reads."""
    return int(digits[:18])


def that_count(
    failures: list[Failure], recap: Mapping[str, Counts]
) -> list[Failure]:
    """Those that were neither ignored nor rescued, of each host as many as the recap counts.

    A host goes on after what is ignored or rescued, so its last failures are those that count.
    """
    left: Counter[tuple[str, bool]] = Counter()
    marks = Counter(failure.host for failure in failures if failure.ignored)
    # A text may hold the mark, too.
    believed = {
        host
        for host in marks
        if host not in recap or marks[host] <= recap[host].ignored
    }
    for host, counts in recap.items():
        left[host, False] = counts.failed
        left[host, True] = counts.unreachable
    chosen = []
    for failure in reversed(failures):
        kind = failure.host, failure.unreachable
        is_ignored = failure.ignored and failure.host in believed
        if not is_ignored and (left[kind] > 0 or not recap):
            left[kind] -= 1
            chosen.append(failure)
    return chosen[::-1]


def unread(
    failures: list[Failure], recap: Mapping[str, Counts]
) -> list[Failure]:
    """A failure without a reason for each host that failed and of which none was read."""
    read = {failure.host for failure in failures}
    return [
        Failure(host, None, [{}], unreachable=counts.failed == 0)
        for host, counts in recap.items()
        if host not in read and counts.failed + counts.unreachable > 0
    ]


def keep_sure_items(
    failures: list[Failure], recap: Mapping[str, Counts]
) -> None:
    """Leave the last item of loops that stand apart from their tasks, where some do not count.

    Items of two tasks look like those of one there, and the last is surely of the one that counts.
    """
    for failure in failures:
        counts = recap.get(failure.host)
        if failure.is_loop and counts and counts.passed_over:
            del failure.results[:-1]
