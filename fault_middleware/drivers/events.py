# SPDX-License-Identifier: Apache-2.0
"""What our callback plugin writes of a run of Ansible, read again."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from fault_middleware.drivers.failures import Failure, Run

#: Where the plugin is, and what names the file that it writes.
FOLDER = Path(__file__).parent / "callback"
NAME = "fault_middleware_failures"
VARIABLE = "FAULT_MIDDLEWARE_FAILURES"
#: What names the variables that the plugin gives tasks back as they were, as JSON.
RESTORED_VARIABLE = "FAULT_MIDDLEWARE_RESTORED"


def read(file: IO[bytes], pid: int | None = None) -> Run | None:
    """The run that the plugin wrote to a file; None where it wrote nothing.

    A task of the same user could write there too: what is not of the plugin's form makes all of it
    unread.

    :param file: open since before the run, so that nothing else can take its place
    :param pid: of Ansible. What other processes wrote is left out, such as an inventory that is a
        run of Ansible
    """
    try:
        file.seek(0)
        return _read(file.read().decode("utf-8", "replace"), pid)
    except (AttributeError, KeyError, TypeError, OSError):
        return None


def _read(text: str, pid: int | None) -> Run | None:
    has_begun = False
    running_task: str | None = None
    is_common = False
    failures: list[tuple[Failure, bool]] = []
    counts: Mapping[str, Any] | None = None
    for event in _events(text, pid):
        if event["event"] == "task":
            has_begun = True
            running_task = _name(event)
            is_common = _typed(event["is_common"], bool)
        elif event["event"] == "failure":
            failures += _that_may_count(event)
        else:
            counts = _counts(event)
    if not has_begun and counts is None:
        return None
    return Run(
        _that_count(failures, counts),
        running_task,
        is_common,
        has_begun=has_begun,
        has_ended=counts is not None,
    )


def _events(text: str, pid: int | None) -> Iterator[Mapping[str, Any]]:
    """What a process wrote; None for all of them."""
    for event in _lines(text):
        if pid is None or event.get("pid") == pid:
            yield event


def _lines(text: str) -> Iterator[Mapping[str, Any]]:
    """The events; a full disk or the end of the run may have cut a line."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)


def _name(event: Mapping[str, Any]) -> str | None:
    name: str | None = event["name"]
    return None if name is None else _typed(name, str)


def _that_may_count(
    event: Mapping[str, Any],
) -> Iterator[tuple[Failure, bool]]:
    """A failure, and whether a block around it rescues it; none where Ansible did not count it."""
    is_rescued = _typed(event["rescued"], bool)
    if not (is_rescued and _typed(event["is_sure"], bool)):
        yield _failure(event), is_rescued


def _failure(event: Mapping[str, Any]) -> Failure:
    """What a line tells of a failure.

    :raises TypeError: when it is of another form than what the plugin writes
    """
    results = _typed(event["results"], list)
    for result in results:
        _typed(result, dict)
    return Failure(
        host=_typed(event["host"], str),
        task=_typed(event["task"], str),
        results=results,
        more=_typed(event["more"], int),
        is_named_for_all=_typed(event["is_named_for_all"], bool),
        unreachable=_typed(event["unreachable"], bool),
        is_loop=_typed(event["is_loop"], bool),
        ignored=_typed(event["ignored"], bool),
    )


def _counts(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """How many failures of each host count.

    :raises TypeError: when it is of another form than what the plugin writes
    """
    hosts: Mapping[str, Any] = _typed(event["hosts"], dict)
    for counts in hosts.values():
        _typed(counts["failures"], int)
        _typed(counts["unreachable"], int)
    return hosts


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} is expected")
    return value


def _that_count(
    failures: list[tuple[Failure, bool]], counts: Mapping[str, Any] | None
) -> list[Failure]:
    """Those that were neither ignored nor rescued, as many for each host as Ansible counts.

    A block without a rescue may stand in one that has one, and a failure in its "always" goes
    there; so where Ansible counts fewer, the last ones are taken. Where it counts more, what
    seemed to rescue did not, and the last of those are taken too.
    """
    candidates = [pair for pair in failures if not pair[0].ignored]
    if counts is None:
        return [failure for failure, rescued in candidates if not rescued]
    left: Counter[tuple[str, bool]] = Counter()
    for host, count in counts.items():
        left[host, False] = count["failures"]
        left[host, True] = count["unreachable"]
    chosen = _last(candidates, left, is_rescued=False)
    chosen |= _last(candidates, left, is_rescued=True)
    found = [candidates[number][0] for number in sorted(chosen)]
    return found + _unwritten(found, left)


def _last(
    candidates: list[tuple[Failure, bool]],
    left: Counter[tuple[str, bool]],
    *,
    is_rescued: bool,
) -> set[int]:
    """The places of the last failures of each host, of one of two kinds.

    :param left: how many are still to be found, by host and whether it was unreachable
    """
    chosen = set()
    for number in reversed(range(len(candidates))):
        failure, rescued = candidates[number]
        kind = failure.host, failure.unreachable
        if rescued == is_rescued and left[kind] > 0:
            left[kind] -= 1
            chosen.add(number)
    return chosen


def _unwritten(
    found: list[Failure], left: Mapping[tuple[str, bool], int]
) -> list[Failure]:
    """A failure without a reason for each host that failed and of which none was written."""
    told = {failure.host for failure in found}
    unwritten = []
    for (host, unreachable), number in left.items():
        if number > 0 and host not in told:
            told.add(host)
            unwritten.append(
                Failure(host, None, [{}], unreachable=unreachable)
            )
    return unwritten
