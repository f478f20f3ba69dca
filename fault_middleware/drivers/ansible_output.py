# SPDX-License-Identifier: Apache-2.0
"""What a run of ``ansible-playbook`` (core 2.15 to 2.19) printed, read again.

What a run prints is up to its callback plugin. ``default`` holds everything, with results in JSON
or in YAML. With ANSIBLE_DISPLAY_FAILED_STDERR tasks are apart from failures: a task is named only
where no other can have failed, because a wrong name is worse than none. ``json`` does not say
which failures were ignored or rescued (the last ones of a host are taken to count), nor anything
of a run that is stopped. ``minimal`` and ``oneline`` tell the host only.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fault_middleware.drivers import (
    ansible_apart,
    ansible_debug,
    ansible_json,
    ansible_lines,
    ansible_recap,
    ansible_unixy,
)
from fault_middleware.drivers.ansible_judge import Tally, Task, Verdict
from fault_middleware.drivers.ansible_recap import Counts
from fault_middleware.drivers.failures import Failure, Run

# What each callback begins with. The short lines are those of ``minimal`` and ``oneline``, which
# print what a task wrote as it is, and never any of the others.
_BEGINNING = re.compile(
    r"^(?:(?:PLAY|TASK|RUNNING HANDLER|CLEANUP TASK) .*\*{3}$"
    r"|(?:fatal|failed|ok|changed|skipping): \[|Executing playbook "
    r"|(?P<short>\S+ \| (?:SUCCESS|CHANGED|FAILED|UNREACHABLE|SKIPPED)\b)"
    r"|(?P<error>\[ERROR\]: Task failed))",
    re.MULTILINE,
)
# Core 2.19 has the message of a failure first, whichever the callback is.
_SHORT_LINE = re.compile(r"^\S+ \| (?:FAILED|UNREACHABLE)\b", re.MULTILINE)
_UNIXY = "Executing playbook "
#: Codes that ansible-playbook returns where tasks failed or found hosts unreachable.
TASKS_FAILED = (2, 4)
# An item of a loop whose name goes on in the next line, where it may look like a task.
_OPEN_ITEM = re.compile(
    r"^(?:(?:ok|changed|skipping): \[[^]\n]*+\] =>|failed: \[[^]\n]*+\]"
    r"|included: (?:(?! => \(item=).)*+ =>) \(item=(?!.*\) *(?:=>|$))",
    re.MULTILINE,
)
# The first line of a banner whose name goes on in the next line.
_OPEN_BANNER = re.compile(
    r"^(?:TASK|RUNNING HANDLER|CLEANUP TASK) \[.*", re.MULTILINE
)


@dataclasses.dataclass(slots=True)
class _Stream:
    """What the callback wrote to a stream; the first task is for what has no banner.

    :ivar places: the task under whose banner each failure is
    """

    tasks: list[Task]
    failures: list[Failure]
    places: list[Task] = dataclasses.field(default_factory=list)
    tally: Tally = dataclasses.field(default_factory=Tally)


def read(stdout: str, stderr: str, returncode: int | None = None) -> Run:
    """What is known of a run by its output; linear in it.

    :param returncode: of the process; None where it is not known
    """
    if not stdout.strip():
        stdout, stderr = stderr, ""  # a driver wrote all to one of them
    out = ansible_lines.plain(stdout)
    if _is_short(out):
        short = [pair for pair in ansible_lines.read(out) if pair[0]["short"]]
        failures = _to_stream(short, "", len(out)).failures
        return Run(ansible_recap.that_count(failures, {}))
    begin = _BEGINNING.search(out)
    document = ansible_json.read(out, begin.start() if begin else len(out))
    if document:
        failures, counts = document
        return Run(ansible_recap.that_count(failures, counts), has_ended=True)
    if begin and begin[0].startswith(_UNIXY):
        return _read_unixy(out)
    return _read_long(out, ansible_lines.plain(stderr), returncode)


def _read_long(out: str, err: str, returncode: int | None) -> Run:
    """What the default callback tells, and whether something ended the run early."""
    if ansible_recap.is_left_out(returncode):
        return _read_default(out, err, None).stopped()
    out, err = _apart(out, err)
    recap = ansible_recap.read(out)
    is_cut = recap is None and returncode in TASKS_FAILED
    run = _read_default(out, err, recap, is_cut=is_cut)
    if recap is None and ansible_lines.ends_with_error(err.strip() or out):
        return run.stopped()
    return run


def _read_unixy(out: str) -> Run:
    """What ``unixy`` tells; nothing of a run that is stopped."""
    recap = ansible_recap.read(out)
    if recap is None:
        return Run([])
    failures = ansible_unixy.read(out)
    return Run(ansible_recap.that_count(failures, recap), has_ended=True)


def _apart(out: str, err: str) -> tuple[str, str]:
    """Both streams, where a driver wrote them one behind the other.

    The recap comes last: failures behind it are of the other stream.
    """
    end = ansible_recap.end(out)
    if not ansible_lines.has_any(out, end):
        return out, err
    return out[:end], f"{err}\n{out[end:]}"


def _read_default(
    out: str,
    err: str,
    recap: Mapping[str, Counts] | None,
    *,
    is_cut: bool = False,
) -> Run:
    """What the default callback tells, as far as the recap does not speak against it.

    :param is_cut: there should be a recap: tasks may be missing that failed on the other stream
    """
    stream = _read_stream(out)
    apart = _read_stream(err)
    # A failure in a text may hide that failures are on the other stream.
    if not stream.failures or stream.tally.has_text or _is_apart(err):
        stream.tally.add(apart.tally)
    counts = recap or {}
    verdict = stream.tally.judge(counts)
    if stream.failures:
        failures = stream.failures
        _keep_sure_names(stream, verdict)
    else:
        failures = apart.failures
        if not is_cut:
            _name_apart(failures, stream, verdict, out, err)
        ansible_recap.keep_sure_items(failures, counts)
    counting = ansible_recap.that_count(failures, counts)
    known = [verdict.told(failure) for failure in counting]
    known += ansible_recap.unread(counting, counts)
    return Run(
        known,
        _running_task(stream, verdict),
        has_begun=len(stream.tasks) > 1,
        has_ended=recap is not None,
    )


def _running_task(stream: _Stream, verdict: Verdict) -> str | None:
    """The task that began last, if no host is known to have come to its end."""
    last = stream.tasks[-1]
    if last.hosts or not verdict.is_sure(last):
        return None
    return last.name


def _keep_sure_names(stream: _Stream, verdict: Verdict) -> None:
    """Leave out the names of tasks that a text may have made up."""
    for failure, task in zip(stream.failures, stream.places, strict=True):
        if not verdict.is_sure(task, failure.host):
            failure.task = None


def _is_apart(err: str) -> bool:
    """Whether the other stream begins with a failure, not with a text that looks like one."""
    return err.lstrip().startswith(("fatal: [", "failed: [", "[ERROR]: "))


def _name_apart(
    failures: list[Failure],
    stream: _Stream,
    verdict: Verdict,
    out: str,
    err: str,
) -> None:
    """Name the tasks of failures that are on the other stream, where it is sure."""
    if ansible_debug.begin(err) < len(err) or _raw_from(out) < len(out):
        # What a task wrote may look like another failure, or another task.
        return
    lines = [line for line, _ in ansible_lines.read(err) if line["host"]]
    ansible_apart.name(failures, stream.tasks, err, lines)
    if not verdict.names_tasks or stream.tally.has_text:
        for failure in failures:
            failure.task = None


def _is_short(text: str) -> bool:
    """Whether this is the output of ``minimal`` or ``oneline``."""
    begin = _BEGINNING.search(text)
    if begin is None:
        return False
    if begin["error"]:
        return _SHORT_LINE.search(text) is not None
    return begin["short"] is not None


def _read_stream(text: str) -> _Stream:
    """What the default callback wrote."""
    lines = ansible_lines.read(text)
    stream = _to_stream(lines, text, _raw_from(text))
    if lines:
        last, _ = lines[-1]
        stream.tally.text(text[last.end() : ansible_recap.begin(text)])
    stream.tally.unread = ansible_lines.unread(text, lines)
    return stream


def _raw_from(text: str) -> int:
    """Where the first text may be printed as it is; the length of the output if none is."""
    item = _OPEN_ITEM.search(text)
    begin = ansible_debug.begin(text)
    return min(begin, item.start()) if item else begin


def _to_stream(
    lines: Iterable[tuple[re.Match[str], Mapping[str, Any]]],
    text: str,
    raw: int,
) -> _Stream:
    """What lines of Ansible's own say.

    :param text: what they are of
    :param raw: where the first text may be printed as it is
    """
    stream = _Stream([Task()], [])
    latest: dict[str, Failure] = {}
    last: Failure | None = None
    end = 0
    for line, result in lines:
        if end:
            # What is printed before the first of them is of no task.
            between = text[end : line.start()]
            stream.tally.text(between)
            if _has_open_banner(between, result):
                # Its name has several lines: what follows is not of the task before.
                stream.tasks.append(Task(is_clean=False))
        end = line.end()
        if line["banner"]:
            # After a text that is printed as it is, a banner may be a part of one.
            _begin(stream, line, is_sure=line.start() < raw)
            latest = {}
            last = None
        elif line["ignoring"]:
            if last:
                last.ignored = True
        elif line["well"] or line["hosts"]:
            _add_well(stream, line)
        else:
            host = line["host"] or line["short"]
            last = latest[host] = _add(stream, latest.get(host), line, result)
    return stream


def _has_open_banner(between: str, result: Mapping[str, Any]) -> bool:
    """Whether a banner begins in a text, and not in the message of the failure behind it."""
    banner = _OPEN_BANNER.search(between)
    if banner is None:
        return False
    is_message = between.find("[ERROR]: ", 0, banner.start()) >= 0
    return not (is_message and banner[0] in str(result.get("msg")))


def _begin(stream: _Stream, line: re.Match[str], *, is_sure: bool) -> None:
    """Begin a task; one without a name if the banner names none for sure."""
    is_play = line["banner"] == "PLAY"
    task = Task(label=line["name"])
    if is_sure and not is_play:
        task.name = line["name"]
    stream.tally.banner(task, is_play=is_play)
    stream.tasks.append(task)


def _add_well(stream: _Stream, line: re.Match[str]) -> None:
    """Add what a line tells of hosts that did not fail."""
    task = stream.tasks[-1]
    tally = stream.tally
    if line["skipping"]:
        tally.skipped(task, line["well"], is_item=bool(line["one"]))
        if not line["one"]:
            task.hosts.add(line["well"])
    elif line["one"]:
        tally.item(task, line["well"])
    elif line["well"]:
        task.hosts.add(line["well"])
        tally.result(task, line["well"])
    else:
        hosts, _, label = line["hosts"].partition(" => (item=")
        names = hosts.split(", ")
        task.hosts.update(names)
        for host in names:
            tally.result(task, host)
        if label:
            tally.text(label)


def _add(
    stream: _Stream,
    before: Failure | None,
    line: re.Match[str],
    result: Mapping[str, Any],
) -> Failure:
    """Add what a line tells of a failure: a new one, or another item of that before it."""
    is_item = bool(line["item"])
    task = stream.tasks[-1]
    host = line["host"] or line["short"]
    if is_item:
        stream.tally.item(task, host, failed=True)
    else:
        is_of_loop = "censored" in result
        stream.tally.failure(task, host, is_of_loop=is_of_loop)
    if before and _is_of(before, line, result):
        # Otherwise this is the result of the whole loop, which no_log has printed as well.
        if is_item:
            before.results.append(result)
        return before
    failure = Failure(
        host=host,
        task=task.name,
        results=[result],
        unreachable=bool(line["lost"] or line["gone"]),
        is_loop=is_item,
    )
    stream.failures.append(failure)
    stream.places.append(task)
    return failure


def _is_of(
    before: Failure, line: re.Match[str], result: Mapping[str, Any]
) -> bool:
    """Whether a line is about the failure before it, of the same host and under one banner."""
    if line["short"]:
        return True
    return before.is_loop and bool(line["item"] or "censored" in result)
