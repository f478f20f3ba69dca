# SPDX-License-Identifier: Apache-2.0
"""What a run of ``ansible-playbook`` (core 2.15 to 2.19) printed, read again.

What a run prints is up to its callback plugin. ``default`` holds everything, with results in JSON
or in YAML. With ANSIBLE_DISPLAY_FAILED_STDERR tasks are apart from failures: a task is named only
where no other can have failed, because a wrong name is worse than none. ``json`` does not say
which failures were ignored or rescued (the last ones of a host are taken to count), nor anything
of a run that is stopped. ``minimal`` and ``oneline`` tell the host only.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fault_middleware.drivers import (
    ansible_debug,
    ansible_json,
    ansible_recap,
    ansible_unixy,
    ansible_yaml,
)
from fault_middleware.drivers.ansible_numbers import DECODER
from fault_middleware.drivers.failures import Failure, Run

# The lines that are Ansible's own: what tasks print is inside JSON, or indented.
_HOST = r"\[(?P<{}>(?:(?! -> )[^]\n])++)(?: -> [^]\n]*+)?\]"
_LINE = re.compile(
    r"^(?:(?P<banner>PLAY|TASK|RUNNING HANDLER|CLEANUP TASK)(?: \[(?P<name>.*)\])?"
    r"(?: \[CHECK MODE\])? \*{3,}$"
    rf"|(?:fatal|(?P<loop>failed)): {_HOST.format('host')}(?:: (?:FAILED|(?P<lost>UNREACHABLE))!"
    r"|(?(loop) \((?P<item>item=)(?s:(?!\nfailed: ).){0,4096}?\)|(?!))) =>"
    r"(?: (?P<result>\{(?:\n(?: .*+\n)*+\}$|.*))"
    r"| ?(?:changed=\w+ ?)?(?P<yaml>(?:\n(?: {2}.*|$))*+)$)"
    rf"|(?:ok|changed|skipping): {_HOST.format('well')}(?! => \(item=).*"
    r"|included: .* for (?P<hosts>.+)|(?P<ignoring>\.\.\.ignoring)$"
    r"|(?P<short>\S+) \| (?:FAILED|(?P<gone>UNREACHABLE))[! ].*)",
    re.MULTILINE,
)
# What each callback begins with. The short lines are those of ``minimal`` and ``oneline``, which
# print what a task wrote as it is, and never any of the others. Core 2.19 has the message first.
_BEGINNING = re.compile(
    r"^(?:(?:PLAY|TASK|RUNNING HANDLER|CLEANUP TASK) .*\*{3}$"
    r"|(?:fatal|failed|ok|changed|skipping): \[|Executing playbook "
    r"|(?P<short>\S+ \| (?:SUCCESS|CHANGED|FAILED|UNREACHABLE|SKIPPED)\b|\[ERROR\]: Task failed))",
    re.MULTILINE,
)
# Core 2.19 shows the place in the playbook, with a few lines before it, for most failures.
_ORIGIN = re.compile(
    r"^Origin: .*\n\n(?: *\d+(?: .*)?\n)*? *\d+ +- name: (.*)\n *\^ column \d+$",
    re.M,
)
# An item of a loop whose name goes on in the next line, where it may look like a task.
_OPEN_ITEM = re.compile(
    r"^(?:(?:ok|changed|skipping): \[[^]\n]*+\] =>|failed: \[[^]\n]*+\]"
    r"|included: (?:(?! => \(item=).)*+ =>) \(item=(?!.*\)(?: =>|$))",
    re.MULTILINE,
)
# What the log of Ansible has before each line.
_STAMP = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} p=\d+ u=\S+ n=[^\s|]*+ ?[A-Z]*+\| ?",
    re.MULTILINE,
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# Of so many pairs of a task and a failure, or its host, none is compared: it would take seconds.
_MOST_COMPARED = 10**6


@dataclasses.dataclass(slots=True)
class _Task:
    """What follows a banner; ``hosts`` are those that did not fail."""

    name: str | None = None
    hosts: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass(slots=True)
class _Stream:
    """What the callback wrote to a stream; the first task is for what has no banner."""

    tasks: list[_Task]
    failures: list[Failure]

    @property
    def last_task(self) -> str | None:
        """The name of the task that began last."""
        return self.tasks[-1].name


def read(stdout: str, stderr: str) -> Run:
    """What is known of a run by its output; linear in it."""
    out = plain(stdout)
    err = plain(stderr)
    if _is_short(out):
        short = [pair for pair in _read_lines(out) if pair[0]["short"]]
        failures = _to_stream(short, len(out)).failures
        return Run(ansible_recap.that_count(failures, {}))
    document = ansible_json.read(out)
    if document:
        failures, counts = document
        return Run(ansible_recap.that_count(failures, counts), has_ended=True)
    recap = ansible_recap.read(out)
    if recap is not None and ansible_recap.is_of_unixy(out):
        failures = ansible_unixy.read(out)
        return Run(ansible_recap.that_count(failures, recap), has_ended=True)
    stream = _read_stream(out)
    failures = stream.failures
    if not failures:
        failures = _read_stream(err).failures
        if ansible_debug.begin(err) == len(err) and _raw_from(out) == len(out):
            _name_tasks(failures, stream.tasks, err)
        # Else what a task wrote may look like another failure, or another task.
        ansible_recap.keep_sure_items(failures, recap or {})
    counting = ansible_recap.that_count(failures, recap or {})
    return Run(counting, stream.last_task, has_ended=recap is not None)


def _is_short(text: str) -> bool:
    """Whether this is the output of ``minimal`` or ``oneline``."""
    begin = _BEGINNING.search(text)
    return begin is not None and begin["short"] is not None


def plain(text: str) -> str:
    """Output without colours, carriage returns and the time stamps of a log."""
    text = _COLOUR.sub("", text.replace("\r\n", "\n"))
    return _STAMP.sub("", text)


def _read_stream(text: str) -> _Stream:
    """What the default callback wrote."""
    return _to_stream(_read_lines(text), _raw_from(text))


def _raw_from(text: str) -> int:
    """Where the first text may be printed as it is; the length of the output if none is."""
    item = _OPEN_ITEM.search(text)
    begin = ansible_debug.begin(text)
    return min(begin, item.start()) if item else begin


def _to_stream(
    lines: Iterable[tuple[re.Match[str], Mapping[str, Any]]], raw: int
) -> _Stream:
    """What lines of Ansible's own say.

    :param raw: where the first text may be printed as it is
    """
    stream = _Stream([_Task()], [])
    latest: dict[str, Failure] = {}
    last: Failure | None = None
    for line, result in lines:
        task = stream.tasks[-1]
        if line["banner"]:
            # After a text that is printed as it is, a banner may be a part of one.
            stream.tasks.append(_begun(line, is_sure=line.start() < raw))
            latest = {}
            last = None
        elif line["ignoring"]:
            if last:
                last.ignored = True
        elif line["well"] or line["hosts"]:
            names = line["well"] or line["hosts"].partition(" => (item=")[0]
            task.hosts.update(names.split(", "))
        else:
            host = line["host"] or line["short"]
            last = latest[host] = _add(stream, latest.get(host), line, result)
    return stream


def _begun(line: re.Match[str], *, is_sure: bool) -> _Task:
    """The task that a banner begins; one without a name if the banner names none for sure."""
    if line["banner"] == "PLAY" or not is_sure:
        return _Task()
    return _Task(line["name"])


def _add(
    stream: _Stream,
    before: Failure | None,
    line: re.Match[str],
    result: Mapping[str, Any],
) -> Failure:
    """Add what a line tells of a failure: a new one, or another item of that before it."""
    is_item = bool(line["item"])
    if before and _is_of(before, line, result, stream.last_task):
        if (
            is_item
        ):  # else the result of the loop, which no_log has printed as well
            before.results.append(result)
        return before
    failure = Failure(
        host=line["host"] or line["short"],
        task=stream.last_task,
        results=[result],
        unreachable=bool(line["lost"] or line["gone"]),
        is_loop=is_item,
    )
    stream.failures.append(failure)
    return failure


def _is_of(
    before: Failure,
    line: re.Match[str],
    result: Mapping[str, Any],
    task: str | None,
) -> bool:
    """Whether a line is about the failure before it, of the same host and under one banner."""
    if line["short"]:
        return True
    return before.is_loop and bool(
        line["item"] or task or "censored" in result
    )


def _read_lines(text: str) -> list[tuple[re.Match[str], Mapping[str, Any]]]:
    """The lines of Ansible's own, with the results behind those of failures."""
    found: list[tuple[re.Match[str], Mapping[str, Any]]] = []
    lines = list(_LINE.finditer(text))
    ends = [line.start() for line in lines[1:]] + [len(text)]
    for line, end in zip(lines, ends, strict=False):
        with contextlib.suppress(ValueError):
            below = ansible_debug.texts(text, line.end(), end)
            found.append((line, {**_result(line), **below}))
    return _without_messages(text, found)


def _without_messages(
    text: str, found: list[tuple[re.Match[str], Mapping[str, Any]]]
) -> list[tuple[re.Match[str], Mapping[str, Any]]]:
    """Leave out lines that are in the message of a failure.

    Core 2.19 prints a message as it is, before the line that holds it as JSON. What looks like a
    line of Ansible's in it is not one. What comes last is not in a message.
    """
    real = []
    begin = end = len(text)
    for line, result in reversed(found):
        if begin <= line.start() < end:
            continue
        real.append((line, result))
        message = result.get("msg")
        message = message.strip() if isinstance(message, str) else ""
        if "\n" not in message:
            continue
        window = max(line.start() - len(message) - 8192, 0)
        at = _last_copy(text, message, window, line.start())
        if at >= 0:
            begin, end = at, at + len(message)
    return real[::-1]


def _last_copy(text: str, message: str, start: int, end: int) -> int:
    """Where a message occurs last, -1 for nowhere; linear, which ``str.rfind`` is not."""
    last = -1
    at = text.find(message, start, end)
    while at >= 0:
        last = at
        at = text.find(message, at + len(message), end)
    return last


def _result(line: re.Match[str]) -> Mapping[str, Any]:
    """The result behind a failure; empty where there is none, or where it cannot be read.

    :raises ValueError: when it is JSON that was cut off
    """
    if line["result"]:
        result = _read_json(line["result"])
    elif line["yaml"]:
        result = ansible_yaml.read(line["yaml"])
    else:
        return {}
    return result if isinstance(result, Mapping) else {}


def _read_json(text: str) -> Any:
    """A value in JSON; an empty object for one that is nested too deep."""
    try:
        return DECODER.decode(text)
    except RecursionError:
        return {}


def _name_tasks(failures: list[Failure], tasks: list[_Task], err: str) -> None:
    """Name the tasks of failures that stand on the other stream, where there is no doubt.

    A host is never well in the task in which it failed. So where it is not well in as many tasks
    as it failed in, those are they. Where there are more, one may be an include, or for another
    host, or not reached; core 2.19 shows the place in the playbook then.
    """
    of_host: dict[str, list[Failure]] = {}
    for failure in failures:
        of_host.setdefault(failure.host, []).append(failure)
    if len(of_host) * len(tasks) > _MOST_COMPARED:
        return
    for host, own in of_host.items():
        possible = [
            task.name for task in tasks if task.name and host not in task.hosts
        ]
        if len(possible) == len(own):
            for failure, name in zip(own, possible, strict=True):
                failure.task = name
    _name_by_origin(failures, tasks, err)


def _name_by_origin(
    failures: list[Failure], tasks: list[_Task], err: str
) -> None:
    """Name tasks by the place in the playbook that stands right before a failure."""
    lines = [line for line, _ in _read_lines(err) if line["host"]]
    if len(lines) != len(failures):
        return  # items of a loop: which line is which failure is not certain
    if len(failures) * len(tasks) > _MOST_COMPARED:
        return
    begin = 0
    for failure, line in zip(failures, lines, strict=True):
        names = _ORIGIN.findall(err, begin, line.start())
        begin = line.end()
        if failure.task or not names:
            continue
        failure.task = _banner(names[-1].strip("'\" "), failure.host, tasks)


def _banner(name: str, host: str, tasks: list[_Task]) -> str | None:
    """How the banner names a task that the playbook names so; None where it is not certain."""
    fits = {
        task.name
        for task in tasks
        if task.name
        and host not in task.hosts
        and (task.name == name or task.name.endswith(f" : {name}"))
    }
    return fits.pop() if len(fits) == 1 else None
