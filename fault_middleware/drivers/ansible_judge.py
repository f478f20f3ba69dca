# SPDX-License-Identifier: Apache-2.0
"""What a run of Ansible printed, judged by the recap that Ansible itself prints last.

The label of an item, the name of a task, a difference or a message is printed as it is, and may
look like lines of Ansible's own. For each host the recap says how many tasks there were. Where
more are printed, a text made some up, and nothing that it could have made up is told.
"""

import dataclasses
import re
from collections.abc import Mapping

from fault_middleware.drivers.ansible_recap import Counts
from fault_middleware.drivers.failures import Failure

# Between two lines of Ansible's own: what is indented, or ends a result, or says no more.
_HARMLESS = re.compile(
    r"(?:[ \t}].*|\]|\.\.\.ignoring|NO MORE HOSTS LEFT \*+|skipping: no hosts matched"
    r"|PLAYBOOK: .*|DRY RUN \*+|Using .* as config file|ASYNC (?:POLL|OK|FAILED) on .*"
    r"|task path: .*|Origin: .*)?"
)
_META = re.compile(r"(?:.* : )?meta")
# What core 2.19 has before a failure; its text is looked for elsewhere.
_MESSAGE = re.compile(r"\[(?:ERROR|WARNING|DEPRECATION WARNING)\]: ")


@dataclasses.dataclass(slots=True)
class Task:
    """What follows a banner.

    :ivar name: None where the banner names none, or it is not sure whether it is one
    :ivar label: what the banner names, sure or not
    :ivar hosts: those that did not fail
    :ivar shown: those of which there is any line
    :ivar is_open: the banner may be a part of the text right before it
    :ivar is_clean: there is no text before it of which it could be a part
    :ivar before: those of which there is a line under the banner before
    """

    name: str | None = None
    hosts: set[str] = dataclasses.field(default_factory=set)
    shown: set[str] = dataclasses.field(default_factory=set)
    is_open: bool = False
    is_clean: bool = True
    before: set[str] = dataclasses.field(default_factory=set)
    label: str | None = None

    @property
    def is_meta(self) -> bool:
        """Whether this is one of the tasks of Ansible itself, which the recap does not count."""
        return (
            self.label is not None and _META.fullmatch(self.label) is not None
        )


@dataclasses.dataclass(slots=True)
class _Shown:
    """How many tasks of a host are shown.

    Of a loop there are several lines. With the strategy "free", lines of other tasks may be
    between them, so tasks of one name may be one.

    :ivar least: tasks, if lines under one name are of one task
    :ivar most: tasks, if lines under two banners are of two
    :ivar loops: those of ``least`` of which items are shown and nothing else
    :ivar failed: those of ``least`` that failed
    :ivar skipped: tasks that were left out
    :ivar loop: the task of which an item was shown last
    :ivar has_failed: an item of it failed
    """

    least: int = 0
    most: int = 0
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
        #: Hosts of which the reason of a failure could not be read.
        self.unread: set[str] = set()
        #: Whether there is a text that could hold a line like one of Ansible's.
        self.has_text = False
        self._last = Task()

    def text(self, between: str) -> None:
        """Note what stands between two lines of Ansible's own, or the label of an include."""
        for line in between.split("\n"):
            if _HARMLESS.fullmatch(line):
                continue
            self._is_open = True
            if not _MESSAGE.match(line):
                self.has_text = True

    def banner(self, task: Task, *, is_play: bool) -> None:
        """Note a banner, and whether it may be a part of a text."""
        task.is_open = self._is_open
        task.is_clean = not self._is_open and not self.has_text
        task.before = self._last.shown
        self._last = task
        # A name of several lines looks like two banners.
        if not is_play and not task.is_meta:
            self._is_open = True

    def result(self, task: Task, host: str, *, failed: bool = False) -> None:
        """Note the line of a task without a loop, or the last one of a loop."""
        shown = self._of(task, host)
        if shown.loop is not task:
            shown.least += 1
            shown.most += 1
        if failed and not (shown.loop is task and shown.has_failed):
            shown.failed += 1
        shown.loop = None
        self._is_open = False

    def item(self, task: Task, host: str, *, failed: bool = False) -> None:
        """Note the line of an item, whose label may hold anything."""
        shown = self._of(task, host)
        loop = shown.loop
        if loop is None or loop.label != task.label:
            shown.least += 1
            shown.loops += 1
            shown.has_failed = False
        if loop is not task:
            shown.most += 1
        if failed and not shown.has_failed:
            shown.failed += 1
            shown.has_failed = True
        shown.loop = task
        self._is_open = True
        self.has_text = True

    def skipped(self, task: Task, host: str, *, is_item: bool) -> None:
        """Note a task, or an item of it, that was left out.

        All items of a loop are followed by a line of the loop.
        """
        shown = self._of(task, host)
        if is_item:
            self.has_text = True
        elif not task.is_meta:
            shown.skipped += 1
            shown.loop = None
        self._is_open = is_item

    def _of(self, task: Task, host: str) -> _Shown:
        task.shown.add(host)
        return self._hosts.setdefault(host, _Shown())

    def add(self, other: "Tally") -> None:
        """Add what the other stream shows, where failures are apart.

        Items of one loop may be in both.
        """
        self.unread |= other.unread
        for host, shown in other._hosts.items():
            own = self._hosts.setdefault(host, _Shown())
            own.least += shown.least - shown.loops
            own.most += shown.most
            own.failed += shown.failed

    def judge(self, recap: Mapping[str, Counts] | None) -> "Verdict":
        """What the recap says to what is shown; nothing where there is none."""
        unread = frozenset(self.unread)
        if not recap:
            return Verdict(without_reason=unread)
        doubtful = False
        made_up = set()
        exact = set()
        skips = set()
        for host in self._hosts | dict.fromkeys(recap):
            shown = self._hosts.get(host, _Shown())
            counts = recap.get(host, _NONE)
            if shown.failed > _failures(counts):
                made_up.add(host)
            doubtful = doubtful or shown.least > _ended(counts)
            if shown.skipped > counts.skipped:
                skips.add(host)
            if _is_exact(shown, counts):
                exact.add(host)
        return Verdict(
            is_doubtful=doubtful or bool(made_up),
            without_reason=unread | made_up,
            exact=frozenset(exact),
            skips=frozenset(skips),
            all_exact=exact >= recap.keys(),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a recap says to what is shown before it.

    :ivar is_doubtful: more is shown than it counts
    :ivar without_reason: hosts of which more failures are shown than it counts, or of which one
        could not be read
    :ivar exact: hosts of which as much is shown as it counts, so that nothing is made up
    :ivar skips: hosts that are shown to leave out more than the recap counts
    :ivar all_exact: there is a recap, and these are all hosts of it
    """

    is_doubtful: bool = False
    without_reason: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    skips: frozenset[str] = frozenset()
    all_exact: bool = False

    def is_counted(self, host: str, tally: Tally) -> bool:
        """Whether no banner or result of a host is made up, where failures are apart."""
        if self.is_doubtful:
            return False
        return host in self.exact or not tally.has_text

    def is_sure(self, task: Task, host: str | None = None) -> bool:
        """Whether a banner is one of Ansible's, by what is known of a host that failed below it.

        A task has one result of a host. So if the host is shown under the banner before as well,
        this one is not a part of a text, or the host has more results than the recap counts.
        """
        if self.is_doubtful:
            return False
        if host in self.exact and host in task.before:
            return True
        if self.all_exact and not task.is_open:
            return True
        return task.is_clean and host not in self.skips

    def told(self, failure: Failure) -> Failure:
        """A failure without its reason where it is not sure which text tells it."""
        if failure.host not in self.without_reason:
            return failure
        return dataclasses.replace(failure, results=[{}], is_loop=False)


_NONE = Counts(0, 0)


def _is_exact(shown: _Shown, counts: Counts) -> bool:
    if shown.skipped not in (0, counts.skipped):
        return False
    return _ended(counts) in (shown.least, shown.most)


def _failures(counts: Counts) -> int:
    """How many failures of a host Ansible showed."""
    return counts.failed + counts.unreachable + counts.passed_over


def _ended(counts: Counts) -> int:
    """How many tasks of a host came to an end."""
    lost = counts.failed + counts.unreachable
    return counts.ok + lost + counts.rescued
