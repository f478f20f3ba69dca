# SPDX-License-Identifier: Apache-2.0
"""Names for failures that Ansible printed apart from their tasks, on another stream."""

import re

from fault_middleware.drivers.ansible_judge import Task
from fault_middleware.drivers.failures import Failure

# Core 2.19 shows the place in the playbook, with a few lines before it, for most failures.
_ORIGIN = re.compile(
    r"^Origin: .*\n\n(?: *\d+(?: .*)?\n)*? *\d+ +- name: (.*)\n *\^ column \d+$",
    re.M,
)
# Of so many pairs of a task and a failure, or its host, none is compared: it would take seconds.
_MOST_COMPARED = 10**6


def name(
    failures: list[Failure],
    tasks: list[Task],
    err: str,
    lines: list[re.Match[str]],
) -> None:
    """Name the tasks of failures that stand on the other stream, where there is no doubt.

    A host is never well in the task in which it failed. So where it is not well in as many tasks
    as it failed in, those are they. Where there are more, one may be an include, or for another
    host, or not reached; core 2.19 shows the place in the playbook then.

    :param lines: those of ``err`` that tell of failures
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
    _name_by_origin(failures, tasks, err, lines)


def _name_by_origin(
    failures: list[Failure],
    tasks: list[Task],
    err: str,
    lines: list[re.Match[str]],
) -> None:
    """Name tasks by the place in the playbook that stands right before a failure."""
    if len(lines) != len(failures):
        return  # items of a loop: which line is which failure is not certain
    if len(failures) * len(tasks) > _MOST_COMPARED:
        return
    begin = 0
    for failure, line in zip(failures, lines, strict=True):
        origins = list(_ORIGIN.finditer(err, begin, line.start()))
        begin = line.end()
        if failure.task or not origins:
            continue
        origin = origins[-1]
        if err[origin.end() : line.start()].strip():
            continue  # it is of something else, such as a warning
        failure.task = _banner(origin[1].strip("'\" "), failure.host, tasks)


def _banner(name: str, host: str, tasks: list[Task]) -> str | None:
    """How the banner names a task that the playbook names so; None where it is not certain."""
    fits = {
        task.name
        for task in tasks
        if task.name
        and host not in task.hosts
        and (task.name == name or task.name.endswith(f" : {name}"))
    }
    return fits.pop() if len(fits) == 1 else None
