# SPDX-License-Identifier: Apache-2.0
"""What a run of Ansible printed, judged by the recap that Ansible itself prints last.

The label of an item, the name of a task, a difference or a message is printed as it is, and may
look like lines of Ansible's own. So behind such a text no task is named. An item whose label is
of one line cannot be told from one that goes on: for each host the recap says how many tasks
there were, and where the output shows another number, no task is named either. Where it shows
more failures than the recap, a text made some up, and no reason is told.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from fault_middleware.drivers.ansible_recap import Counts
from fault_middleware.drivers.failures import Failure

# What may stand between two lines of Ansible's own without being a text of somebody else's.
_HARMLESS = re.compile(
    r"(?:[ \t}].*|\]|\.\.\.ignoring|NO MORE HOSTS LEFT \*+|skipping: no hosts matched"
    r"|PLAYBOOK: .*|DRY RUN \*+|Using .* as config file|ASYNC (?:POLL|OK|FAILED) on .*"
    r"|task path: .*|Origin: .*|\d+(?: .*)?|<<< caused by >>>"
    r"|FAILED - RETRYING: \[[^]]+\]: .* \(\d+ retries left\)\.)?"
)
# What core 2.19 has before a failure; its text is looked for elsewhere.
_MESSAGE = re.compile(r"\[(?:ERROR|WARNING|DEPRECATION WARNING)\]: ")


@dataclasses.dataclass(slots=True)
class Task:
    """What follows a banner.

    :ivar name: None where the banner names none, or it is not sure whether it is one
    :ivar label: what the banner names, sure or not
    :ivar hosts: those that did not fail
    :ivar is_clean: there is no text before it of which it could be a part
    """

    name: str | None = None
    hosts: set[str] = dataclasses.field(default_factory=set)
    is_clean: bool = True
    label: str | None = None

    @property
    def is_meta(self) -> bool:
        """Whether this is one of the tasks of Ansible itself, which the recap does not count."""
        label = self.label or ""
        return label == "meta" or label.endswith(" : meta")


@dataclasses.dataclass(slots=True)
class _Shown:
    """How many tasks of a host are shown.

    Of a loop there are several lines. With the strategy "free", lines of other tasks may be
    between them, so tasks of one name may be one.

    :ivar least: tasks, if lines under one name are of one task
    :ivar loops: those of ``least`` of which items are shown and nothing else
    :ivar failed: those of ``least`` that failed
    :ivar skipped: tasks that were left out
    :ivar loop: the task of which an item was shown last
    :ivar has_failed: an item of it failed
    """

    least: int = 0
    loops: int = 0
    failed: int = 0
    skipped: int = 0
    loop: Task | None = None
    has_failed: bool = False


class Tally:
    """Counts what is shown of each host."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Shown] = {}
        self._is_open = False
        self._is_in_message = False
        #: Hosts of which the reason of a failure could not be read.
        self.unread: set[str] = set()
        #: Whether there is a text that could hold a line like one of Ansible's.
        self.has_text = False
        #: Whether there are items, whose labels could hold some.
        self.has_items = False

    def text(self, between: str) -> None:
        """Note what stands between two lines of Ansible's own, or the label of an include."""
        for line in between.split("\n"):
            # A label, whatever else is in it, is followed by a bracket.
            if self.has_items and line.rstrip().endswith(")"):
                self.has_text = True
            elif _HARMLESS.fullmatch(line):
                continue
            elif _MESSAGE.match(line):
                self._is_in_message = True
            elif not self._is_in_message:
                self.has_text = True

    def banner(self, task: Task, *, is_play: bool) -> None:
        """Note a banner, and whether it may be a part of a text."""
        is_open = self._is_open or self._is_in_message
        task.is_clean = not is_open and not self.has_text
        # A name of several lines looks like two banners.
        if not is_play and not task.is_meta:
            self._is_open = True

    def result(self, task: Task, host: str) -> None:
        """Note that a task went well, without a loop or as a whole."""
        shown = self._of(host)
        if shown.loop is not task:
            shown.least += 1
        self._end(shown)

    def failure(self, task: Task, host: str, *, is_of_loop: bool) -> None:
        """Note that a task failed.

        :param is_of_loop: it may be the loop of which the items were shown
        """
        shown = self._of(host)
        is_known = is_of_loop and shown.loop is task
        if not is_known:
            shown.least += 1
        if not (is_known and shown.has_failed):
            shown.failed += 1
        self._end(shown)

    def _end(self, shown: _Shown) -> None:
        shown.loop = None
        self._is_open = False
        self._is_in_message = False

    def item(self, task: Task, host: str, *, failed: bool = False) -> None:
        """Note the line of an item, whose label may hold anything."""
        shown = self._of(host)
        loop = shown.loop
        if loop is None or loop.label != task.label:
            shown.least += 1
            shown.loops += 1
            shown.has_failed = False
        if failed and not shown.has_failed:
            shown.failed += 1
            shown.has_failed = True
        shown.loop = task
        self.has_items = True
        self._is_open = False

    def skipped(self, task: Task, host: str, *, is_item: bool) -> None:
        """Note a task, or an item of it, that was left out.

        All items of a loop are followed by a line of the loop.
        """
        shown = self._of(host)
        if is_item:
            self.has_text = True
        elif not task.is_meta:
            shown.skipped += 1
            shown.loop = None
        self._is_open = False

    def _of(self, host: str) -> _Shown:
        return self._hosts.setdefault(host, _Shown())

    def add(self, other: "Tally") -> None:
        """Add what the other stream shows, where failures are apart.

        Items of one loop may be in both.
        """
        self.unread |= other.unread
        for host, shown in other._hosts.items():
            own = self._hosts.setdefault(host, _Shown())
            own.least += shown.least - shown.loops
            own.failed += shown.failed

    def judge(self, recap: Mapping[str, Counts]) -> "Verdict":
        """What the recap says about what is shown; nothing where there is none."""
        unread = frozenset(self.unread)
        if not recap:
            return Verdict(
                names_tasks=not self.has_items, without_reason=unread
            )
        surplus = []
        made_up = set()
        skips = set()
        for host in self._hosts | dict.fromkeys(recap):
            shown = self._hosts.get(host, _Shown())
            counts = recap.get(host, _NONE)
            if shown.failed > _failures(counts):
                made_up.add(host)
            surplus.append(shown.least - _ended(counts))
            if shown.skipped > counts.skipped:
                skips.add(host)
        return Verdict(
            names_tasks=not made_up and self._names_tasks(surplus),
            without_reason=unread | made_up,
            skips=frozenset(skips),
        )

    def _names_tasks(self, surplus: Sequence[int]) -> bool:
        """Whether banners can be relied on.

        :param surplus: of each host, how many tasks are shown beyond those that the recap counts
        """
        if max(surplus) > 0:
            return False
        is_exact = not any(surplus)
        holds_no_label = is_exact and not self.has_text
        return holds_no_label or not self.has_items


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a recap says about what is shown before it.

    :ivar names_tasks: not more is shown than it counts; and if items are shown, whose labels could
        hold a banner, just as much, and nothing that could be the rest of a label
    :ivar without_reason: hosts of which more failures are shown than it counts, or of which one
        could not be read
    :ivar skips: hosts that are shown to leave out more than the recap counts
    """

    names_tasks: bool = True
    without_reason: frozenset[str] = frozenset()
    skips: frozenset[str] = frozenset()

    def is_sure(self, task: Task, host: str | None = None) -> bool:
        """Whether a banner is one of Ansible's, by what is known of a host that failed below it.

        Behind a text it never is: what a text may hold has no end, and counts can be balanced.
        """
        return self.names_tasks and task.is_clean and host not in self.skips

    def told(self, failure: Failure) -> Failure:
        """A failure without its reason where it is not sure which text tells it."""
        if failure.host not in self.without_reason:
            return failure
        return dataclasses.replace(failure, results=[{}], is_loop=False)


_NONE = Counts(0, 0)


def _failures(counts: Counts) -> int:
    """How many failures of a host Ansible showed."""
    return counts.failed + counts.unreachable + counts.passed_over


def _ended(counts: Counts) -> int:
    """How many tasks of a host came to an end."""
    lost = counts.failed + counts.unreachable
    return counts.ok + lost + counts.rescued
