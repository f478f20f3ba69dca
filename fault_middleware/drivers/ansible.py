# SPDX-License-Identifier: Apache-2.0
"""What failed in a run of ``ansible-playbook`` (core 2.15 to 2.19), as an exception.

What a run prints is up to its callback plugin.  ``default`` holds everything.  With
ANSIBLE_DISPLAY_FAILED_STDERR tasks are apart from failures, and are told where what the hosts did
leaves one choice.  ``json`` does not say which failures were ignored or rescued (the last ones of
a host are taken to count), nor anything of a run that is stopped.  Results in YAML leave host and
task; ``minimal`` and ``oneline`` the host.
"""

import contextlib
import dataclasses
import json
import operator
import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import Any, Self

from fault_middleware.drivers.problem import ManagementDriverException
from fault_middleware.text import as_text, clean_all, last_line

#: How much of a failure is told, in bytes of UTF-8, and of how many failures.
MESSAGE_BYTES, STDOUT_BYTES, FAILURES = 4096, 16384, 20

# The lines that are Ansible's own: what tasks print is inside of JSON, or indented.
_HOST = r"\[(?P<{}>[^]\n]+?)(?: -> [^]\n]*)?\]"
_LINE = re.compile(
    r"^(?:(?P<banner>PLAY|TASK|RUNNING HANDLER|CLEANUP TASK)(?: \[(?P<name>.*)\])?"
    r"(?: \[CHECK MODE\])? \*{3,}$"
    rf"|(?:fatal|failed): {_HOST.format('host')}(?:: (?:FAILED|(?P<lost>UNREACHABLE))!"
    r"| \((?P<item>item=)(?s:(?!\nfailed: ).){0,4096}?\)) =>"
    r"(?: (?P<result>\{(?:\n(?: .*+\n)*+\}$|.*))| ?$)"
    rf"|(?:ok|changed|skipping): {_HOST.format('well')}(?! => \(item=).*"
    r"|included: .* for (?P<hosts>.+)|(?P<ignoring>\.\.\.ignoring)$"
    r"|(?P<short>\S+) \| (?:FAILED|(?P<gone>UNREACHABLE))[! ].*)",
    re.MULTILINE,
)
_RECAP = re.compile(r"^(\S+) *: ok=\d+ +changed=\d+ +unreachable=(\d+) +failed=(\d+)", re.M)
_RESCUED = re.compile(r"rescued=[1-9]")
_ERROR = re.compile(r"^(?:\[ERROR\]: |ERROR! )(.+(?:\n(?!Origin: ).+)*)", re.MULTILINE)
# What makes the output complete, whatever ansible.cfg says.
_ENVIRON = {
    "ANSIBLE_STDOUT_CALLBACK": "default",
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "false",
    "ANSIBLE_DISPLAY_FAILED_STDERR": "false",
    "ANSIBLE_NOCOWS": "true",
}


@dataclasses.dataclass(eq=False)
class _Failure:
    """A task that failed on a host; several results are those of a loop's items."""

    host: str
    unreachable: bool
    is_loop: bool
    results: list[dict[str, Any]]
    task: str | None
    ignored: bool = False


@dataclasses.dataclass(eq=False)
class _Task:
    """What stands under a banner; ``hosts`` are those that did not fail."""

    play: int = 0
    name: str | None = None
    ignoring: bool = False
    hosts: set[str] = dataclasses.field(default_factory=set)


class AnsiblePlaybookError(ManagementDriverException):
    """A playbook failed.  Secrets are masked; what ``no_log`` hides stays hidden.

    :ivar vdu: the VDU that was to be configured
    :ivar failed: the first 20 failures: ``host``, ``task`` (None if unknown), ``message`` (4 KiB),
        ``stdout`` (16 KiB; a longer text loses its middle); empty where no task failed
    :ivar failed_task: that of the first; ``stdout`` too
    :ivar returncode: that of ansible-playbook, None where it did not start
    """

    title = "Ansible playbook failed"

    @classmethod
    def from_output(
        cls, stdout: str | bytes | None, stderr: str | bytes | None, returncode: int, *, vdu: str
    ) -> Self | None:
        """The error of a run, or None for return code 0; linear in the output."""
        return cls._read(stdout, stderr, returncode, vdu) if returncode != 0 else None

    @classmethod
    def _read(cls, stdout: Any, stderr: Any, code: int | None, vdu: str, fate: str = "") -> Self:
        streams = (as_text(text).replace("\r\n", "\n") for text in (stdout, stderr))
        out, err = (re.sub(r"\x1b\[[\d;]*m", "", text) for text in streams)
        tasks, failures = _read_tasks(out)
        failures = _select(failures, tasks, out, err)
        results = [(one, result) for one in failures for result in one.results]
        told = [_describe(*one) for one in results[:FAILURES]]
        first = told[0][0] if told else {"task": None, "stdout": ""}
        if told and not fate:
            detail = told[0][1] + (f", and {len(results) - 1} more" if results[1:] else "")
        else:
            place = f" (in task '{tasks[-1].name}')" if tasks[-1].name else ""
            detail = f"the playbook {fate or _fate(err, code, bool(place))}{place}"
        failed = [one for one, _ in told]
        own: Any = {"failed_task": first["task"], "stdout": first["stdout"], "returncode": code}
        return cls(detail=clean_all(f"{vdu}: {detail}", 1024), vdu=vdu, failed=failed, **own)


def run_playbook(
    playbook: str,
    *arguments: str,
    vdu: str,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> None:
    """Run ``ansible-playbook`` without a terminal; its arguments never get into errors.

    :param env: the whole environment, else that of this process; the callback is ``default``
    :param timeout: seconds, after which the run and its children are killed
    :raises AnsiblePlaybookError: when it fails, does not end in time or cannot be started
    """
    fate, out, err, returncode = "", None, None, None
    command = ["ansible-playbook", *arguments, playbook]
    environ = {**(os.environ if env is None else env), **_ENVIRON}
    pipes: Any = {"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, "start_new_session": True}
    try:
        with Popen(command, env=environ, **pipes) as running:  # noqa: S603 no shell
            try:
                out, err = running.communicate(timeout=timeout)
            except TimeoutExpired as exc:
                os.killpg(running.pid, signal.SIGKILL)
                out, err, fate = exc.stdout, exc.stderr, f"did not end within {timeout} s"
        returncode = running.returncode
    except OSError as exc:
        fate = f"could not be started: {exc.strerror}"
    if returncode != 0:
        raise AnsiblePlaybookError._read(out, err, returncode, vdu, fate)


def _select(failures: list[_Failure], tasks: list[_Task], out: str, err: str) -> list[_Failure]:
    """Of the failures on stdout, or else stderr, those neither ignored nor rescued."""
    recap: Any = _RECAP.findall(out, max(out.rfind("\nPLAY RECAP *"), 0))
    if document := _read_json(out):
        failures, recap = document
    elif not failures:
        _, failures = _read_tasks(err)
        _place(failures, tasks, alike="rescued=0" in out and not _RESCUED.search(out))
    counts: Counter[tuple[str, bool]] = Counter()
    for host, lost, failed in recap:
        counts.update({(host, False): int(failed), (host, True): int(lost)})
    real, known = [], bool(counts)
    for failure in reversed(failures):
        # A host goes on after what is ignored or rescued: its last failures are those that count.
        if not failure.ignored and (counts[failure.host, failure.unreachable] > 0 or not known):
            counts[failure.host, failure.unreachable] -= 1
            real.append(failure)
    return real[::-1]


def _read_json(text: str) -> tuple[list[_Failure], list[tuple[str, int, int]]] | None:
    """The failures that the json callback wrote; of each host, how many of two kinds count."""
    failures: list[_Failure] = []
    start = re.search(r"^\{", text, re.MULTILINE)
    with contextlib.suppress(ValueError, RecursionError, AttributeError, KeyError, TypeError):
        document, end = json.JSONDecoder().raw_decode(text, start.start() if start else 0)
        if text.find("\nPLAY RECAP *", end) >= 0:
            return None  # A task printed it: the recap of another callback comes last.
        kinds = operator.itemgetter("unreachable", "failures")
        recap = [(host, *map(operator.index, kinds(n))) for host, n in document["stats"].items()]
        for task in (task for play in document["plays"] for task in play["tasks"]):
            for host, result in task["hosts"].items():
                items = [one for one in result.get("results", ()) if _is_bad(one)]
                name, lost = task["task"]["name"], bool(result.get("unreachable"))
                if _is_bad(result):
                    failures.append(_Failure(host, lost, bool(items), items or [result], name))
        return failures, recap
    return None


def _is_bad(result: Any) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def _read_tasks(text: str) -> tuple[list[_Task], list[_Failure]]:
    """What the default callback wrote to a stream; the first task is for what has no banner."""
    tasks, failures = [task := _Task()], []
    latest: dict[str | None, _Failure] = {}
    for line, result in _read_lines(text):
        host, item = line["host"] or line["short"], bool(line["item"])
        if line["banner"]:
            is_play = line["banner"] == "PLAY"
            tasks.append(task := _Task(task.play + is_play, None if is_play else line["name"]))
            latest = {}
        elif line["ignoring"]:
            task.ignoring = True
            if latest:
                latest[None].ignored = True
        elif not host:
            names = line["well"] or line["hosts"].partition(" => (item=")[0]
            task.hosts.update(names.split(", "))
        else:
            before = latest.get(host)
            is_loop = before and before.is_loop and (item or task.name or "censored" in result)
            if not before or not (is_loop or line["short"]):
                lost = bool(line["lost"] or line["gone"])
                before = _Failure(host, lost, item, [result], task.name)
                failures.append(before)
            elif item:  # else the result of the loop, which no_log has printed as well
                before.results.append(result)
            latest[host] = latest[None] = before
    return tasks, failures


def _read_lines(text: str) -> list[tuple[re.Match[str], dict[str, Any]]]:
    """The lines of Ansible's own, with the results behind those of failures."""
    found: list[tuple[re.Match[str], Any, str]] = []
    for line in _LINE.finditer(text):
        with contextlib.suppress(ValueError, RecursionError):
            result = json.loads(line["result"] or "{}")
            found.append((line, result, str(result.get("msg", "")).strip()))
    # Core 2.19 prints a message as it is, once, before the line that holds it as JSON: what looks
    # like a line of Ansible's in there is none. What comes last is not in a message.
    left = Counter(message for _, _, message in found)
    real, end = [], len(text)
    for line, result, message in reversed(found):
        left[message] -= 1
        if line.start() < end:
            real.append((line, result))
            if "\n" in message and not left[message]:
                at = text.find(message, max(line.start() - len(message) - 8192, 0), line.start())
                end = at if at >= 0 else end
    return real[::-1]


def _place(failures: list[_Failure], tasks: list[_Task], alike: bool) -> None:
    """Name the tasks of failures that are on the other stream, where there is no doubt.

    :param alike: nobody was rescued, so hosts do the same tasks until they fail
    """
    left = Counter(failure.host for failure in failures)
    # Where no host is said to be well, one has failed.
    silent = [index for index, task in enumerate(tasks) if task.name and not task.hosts]
    placed: dict[str, int] = {}
    at = -1
    for number, failure in enumerate(failures if len(failures) * len(tasks) < 10**6 else []):
        host = failure.host
        silent = [index for index in silent if index > at]
        stop = silent[0] if silent else len(tasks) - 1
        begin = max(at, placed.get(host, -1) + 1)
        fits = [i for i in range(begin, stop + 1) if tasks[i].name and host not in tasks[i].hosts]
        if silent and len(silent) == len(failures) - number:
            fits = fits[-1:] if fits[-1:] == [stop] else []
        shown = [index for index in range(stop + 1) if host in tasks[index].hosts]
        # A host that is not well again later has failed right after it last was.
        late = [index for index in fits if index > max(shown, default=stop)]
        fits = late if len(late) >= left[host] else fits
        left[host] -= 1
        plays = {tasks[index].play for index in (shown[-1:] if fits is late else fits)}
        if len(fits) == 1 or (alike and fits and plays == {tasks[fits[0]].play}):
            at = placed[host] = fits[0]
            failure.task = tasks[at].name
            failure.ignored = tasks[at].ignoring and not failure.unreachable


def _describe(failure: _Failure, result: dict[str, Any]) -> tuple[dict[str, str | None], str]:
    """A failure as it is told, and as a sentence."""
    result = {"msg": result["censored"]} if "censored" in result else result
    message = result.get("msg", result.get("reason", ""))
    message = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    if failure.is_loop and "item" in result:
        message = f"item {result.get('_ansible_item_label', result['item'])}: {message}"
    texts = [result.get(name) or result.get(f"module_{name}") for name in ("stdout", "stderr")]
    stdout, stderr = map(as_text, texts)
    what = f"task '{failure.task}'" if failure.task else "a task"
    what += f" found {failure.host} unreachable" if failure.unreachable else " failed"
    what += "" if failure.task or failure.unreachable else f" on {failure.host}"
    sentence = [what, message.strip().partition("\n")[0], last_line(stderr)]
    message = f"{message.rstrip()}: {stderr}" if stderr else message
    told = {
        "host": clean_all(failure.host, 256),
        "task": clean_all(failure.task, 1024),
        "message": clean_all(message, MESSAGE_BYTES),
        "stdout": clean_all(stdout, STDOUT_BYTES),
    }
    return told, ": ".join(filter(None, sentence))


def _fate(err: str, returncode: int | None, started: bool) -> str:
    """What became of a run in which no task failed."""
    if "usage: ansible-playbook" in err:
        return "was not run: ansible-playbook refused its arguments"
    if returncode is not None and returncode < 0:
        return f"was ended by signal {-returncode}"
    error = _ERROR.search(err)
    reason = " ".join(error[1].split()) if error else last_line(err)
    what = "parsed" if error and returncode == 4 else "run"
    what = "stopped" if started else f"could not be {what}"
    return f"{what}: {reason or f'ansible-playbook returned {returncode}'}"
