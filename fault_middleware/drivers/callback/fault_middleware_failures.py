# SPDX-License-Identifier: Apache-2.0
"""A callback plugin of Ansible: what failed in a run, as lines of JSON in a file.

Ansible loads it in a Python of its own, where nothing of this package need be installed.  Each
line is an object with the process that wrote it, ``pid``, whose ``event`` is one of

``task``
   The only task that is running is another one now: ``name``, or null where there is none, or
   hosts are at several; ``is_common`` (no host begins the next one before all have ended it).
``failure``
   A task failed on a host: ``host``, ``task``, ``is_named_for_all`` (the name may be that of the
   first host, for there are variables in it), ``unreachable``, ``ignored``, ``rescued`` (Ansible
   does not count it, or, where that is not known, a block around it has a rescue, which helps no
   host that is unreachable), ``is_sure`` (it is known what Ansible counts), ``is_loop``;
   ``results``: one, or those of the first 20 items that failed, each empty where JSON cannot have
   it, the failure does not count, or very much was written; and ``more``, how many others failed.
``end``
   The run has ended: ``hosts``, for each the number of ``failures`` and ``unreachable`` tasks that
   were neither ignored nor rescued.
"""

import json
import os
import sys

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: fault_middleware_failures
type: notification
short_description: writes what failed to a file
description:
  - Writes a line of JSON for each task that begins or fails, to the file that the variable
    FAULT_MIDDLEWARE_FAILURES in the environment names. Without the variable it does nothing.
  - Before the first task it gives the environment the values that FAULT_MIDDLEWARE_RESTORED has as
    JSON (null for none), so that tasks have what the caller of Ansible has.
"""

#: Characters of each end of a longer text, and of all failures together, that are written.
_END, _MOST_WRITTEN = 64 * 1024, 8 * 1024 * 1024
#: The most causes of a failure, and items of a loop, that are told.
_CAUSES, _ITEMS = 10, 20
#: What is told of the result of a task.
_KEYS = (
    "_ansible_item_label",
    "assertion",
    "censored",
    "failed",
    "failed_modules",
    "failed_when_result",
    "item",
    "module_stderr",
    "module_stdout",
    "msg",
    "reason",
    "stderr",
    "stdout",
    "unreachable",
)


class CallbackModule(CallbackBase):
    """See the module."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "fault_middleware_failures"

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._file = None
        self._counted = {}
        # Of tasks, by their ids: the names, and the numbers of hosts that are at each.
        self._names = {}
        self._running = {}
        self._told = None
        self._is_linear = False
        self._written = 0
        # A run of Ansible in a task of this one must not write there too.
        path = os.environ.pop("FAULT_MIDDLEWARE_FAILURES", "")
        self._restored = os.environ.pop("FAULT_MIDDLEWARE_RESTORED", "{}")
        if path:
            self._file = open(  # noqa: SIM115 open as long as Ansible runs
                path, "a", encoding="utf-8", errors="backslashreplace"
            )
        else:
            self.disabled = True

    def v2_playbook_on_start(self, playbook):
        # All callbacks have read their options by now.
        for name, value in json.loads(self._restored).items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def v2_playbook_on_play_start(self, play):
        self._is_linear = str(play.strategy).rpartition(".")[2] == "linear"
        self._running = {}
        self._tell_running()

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._begins(task)

    def v2_playbook_on_handler_task_start(self, task):
        self._begins(task)

    v2_playbook_on_cleanup_task_start = v2_playbook_on_handler_task_start

    def v2_runner_on_start(self, host, task):
        self._names.setdefault(task._uuid, task.get_name())
        self._running[task._uuid] = self._running.get(task._uuid, 0) + 1
        self._tell_running()

    def v2_runner_on_ok(self, result):
        self._has_ended(result)

    v2_runner_on_skipped = v2_runner_on_ok

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._has_ended(result)
        self._write_failure(
            result, unreachable=False, ignored=bool(ignore_errors)
        )

    def v2_runner_on_unreachable(self, result):
        self._has_ended(result)
        ignored = bool(getattr(_task(result), "ignore_unreachable", False))
        self._write_failure(result, unreachable=True, ignored=ignored)

    def v2_playbook_on_stats(self, stats):
        hosts = {
            host: {
                "failures": stats.failures.get(host, 0),
                "unreachable": stats.dark.get(host, 0),
            }
            for host in stats.processed
        }
        self._write(event="end", hosts=hosts)

    def _begins(self, task):
        if task.action.rpartition(".")[2] == "meta":
            # Ansible's own, without hosts.
            self._tell_running()
            return
        # Only here does Ansible fill in the variables of a name. No host is at the task yet.
        self._names[task._uuid] = task.get_name()
        self._tell_running(task._uuid)

    def _has_ended(self, result):
        task_id = _task(result)._uuid
        left = self._running.pop(task_id, 1) - 1
        if left:
            self._running[task_id] = left
        self._tell_running()

    def _tell_running(self, *beginning):
        """Write which task is the only one, if that is another one than before."""
        ids = (*self._running, *beginning)
        names = {self._names[task_id] for task_id in ids}
        only = names.pop() if len(names) == 1 else None
        if only != self._told:
            self._told = only
            self._write(event="task", name=only, is_common=self._is_linear)

    def _write_failure(self, result, unreachable, ignored):
        task = _task(result)
        told = _result(result)
        host = _host(result).get_name()
        items = []
        if task.loop is not None or task.loop_with:
            # A module may name something of its own like that.
            items = [
                item for item in told.get("results") or () if _is_bad(item)
            ]
        statistics = _statistics()
        counts = self._counts(statistics, host, task, unreachable)
        is_sure = statistics is not None
        listed = items[:_ITEMS] or [told]
        results = [{}] * len(listed)
        # Of what is ignored, or rescued for sure, nothing is told.
        if not ignored and (counts or not is_sure):
            causes = {} if items else _causes(result, told)
            results = self._tell(listed, causes)
        self._write(
            event="failure",
            host=host,
            task=task.get_name(),
            unreachable=unreachable,
            ignored=ignored,
            rescued=not counts,
            is_sure=is_sure,
            is_loop=bool(items),
            is_named_for_all=_is_named_for_all(task),
            results=results,
            more=max(0, len(items) - _ITEMS),
        )

    def _tell(self, listed, causes):
        """What is told of results and of the causes of one, as long as there is room."""
        results = []
        for item in listed:
            told = {}
            if self._written < _MOST_WRITTEN:
                told = {**_writable(item), **causes}
            self._written += len(_json(told))
            results.append(told)
        return results

    def _counts(self, statistics, host, task, unreachable):
        """Whether a failure counts: Ansible has counted it before it tells of it."""
        if statistics is None:
            return unreachable or not _is_rescued(task)
        number = statistics.failures.get(host, 0)
        number += statistics.dark.get(host, 0)
        before = self._counted.get(host, 0)
        self._counted[host] = number
        return number > before

    def _write(self, **event):
        if self._file:
            event["pid"] = os.getpid()
            self._file.write(_json(event) + "\n")
            self._file.flush()


def _statistics():
    """What Ansible counts of this run; None where that is not found.

    A callback is given it at the end only. Until then it is read from whoever calls, and nothing
    is changed there.
    """
    frame = sys._getframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        for manager in (caller, getattr(caller, "_tqm", None)):
            statistics = getattr(manager, "_stats", None)
            if hasattr(statistics, "failures") and hasattr(statistics, "dark"):
                return statistics
        frame = frame.f_back
    return None


# Ansible 2.19 has public names for these, and tells when one uses the old ones.
def _task(result):
    return getattr(result, "task", None) or result._task


def _host(result):
    return getattr(result, "host", None) or result._host


def _result(result):
    """What a task returned; nothing of what is nested so deep that 2.19 cannot copy it."""
    try:
        return getattr(result, "result", None) or result._result
    except RecursionError:
        return {}


def _is_named_for_all(task):
    """Whether variables are in the name, which Ansible fills in for the first host alone."""
    written = task.get_ds()
    return isinstance(written, dict) and "{{" in str(written.get("name"))


def _is_bad(item):
    return isinstance(item, dict) and bool(
        item.get("failed") or item.get("unreachable")
    )


def _json(value):
    # Names that JSON cannot have are left out.
    return json.dumps(value, default=str, skipkeys=True)


def _writable(result):
    """What is told of a result; nothing where JSON cannot have it."""
    try:
        told = _shorten(result)
        _json(told)
    except Exception:  # such as of what is nested too deep, or within itself
        return {}
    return told


def _shorten(result):
    """What is told of a result, with the two ends of its long texts."""
    if "censored" in result:
        return {"censored": result["censored"]}
    told = {}
    for key in _KEYS:
        value = result.get(key)
        if value is not None:
            told[key] = _cut(value)
    return told


def _causes(result, told):
    """What led to a failure, where core 2.19 keeps that beside the result, and it is not there."""
    if "censored" in told:
        return {}
    found = []
    event = getattr(getattr(result, "exception", None), "event", None)
    while event is not None and len(found) < _CAUSES:
        found.append(str(event.msg))
        event = getattr(event.chain, "event", None)
    # The first ones say that a task failed, in a module.
    message = str(told.get("msg", ""))
    if message not in found:
        return {}
    behind = found[found.index(message) + 1 :]
    return {"causes": _cut(behind)} if behind else {}


def _cut(value):
    """A value, or the two ends of its text where that is long."""
    text = value if isinstance(value, str) else _json(value)
    if len(text) <= 2 * _END:
        return value
    return text[:_END] + "\n[...]\n" + text[-_END:]


def _is_rescued(task):
    """Whether the task stands in the main part of a block that has a rescue.

    What a playbook imports stands there as blocks of its own, each of which has the import as its
    parent, and that is not in the list.
    """
    inside = {task._uuid}
    parent = task._parent
    while parent is not None:
        if getattr(parent, "rescue", None) and _has(parent.block, inside):
            return bool(_left_by_tags(parent).rescue)
        inside.add(parent._uuid)
        parent = parent._parent
    return False


def _has(tasks, wanted):
    return any(task._uuid in wanted for task in tasks)


def _left_by_tags(block):
    """The block with the tasks that the tags of the run leave in it."""
    try:
        return block.filter_tagged_tasks({})
    except Exception:  # such as tags with variables, which this does not know
        return block
