# SPDX-License-Identifier: Apache-2.0
"""Tasks of Ansible that failed, as values, and what is told of them."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fault_middleware.extent import bounded
from fault_middleware.text import (
    CUT,
    as_text,
    beginning,
    clean,
    clean_all,
    last_line,
)

#: How much of a failure is told, in bytes of UTF-8.
MESSAGE_BYTES, STDOUT_BYTES = 4096, 16384
# Characters that are masked of what all failures of a run say, and of what they have printed.
# After that only the beginning of a message is told, in so many characters.
_MOST_SAID = 128 * 1024
_MOST_PRINTED = 128 * 1024
_LEAST_SAID = 255
# Of one of them, about so many are masked.
_MASKED = 32 * 1024
_TRACEBACK = "Traceback (most recent call last)"


@dataclasses.dataclass(slots=True)
class Failure:
    """A task that failed on a host.

    :ivar task: its name, None where the output does not say it
    :ivar results: what the module returned; several are those of a loop's items
    :ivar is_named_for_all: the name may be that which the task has on another host
    :ivar more: how many items of the loop failed besides those of ``results``
    :ivar ignored: the playbook goes on whatever the task does
    """

    host: str
    task: str | None
    results: list[Mapping[str, Any]]
    unreachable: bool = False
    is_loop: bool = False
    ignored: bool = False
    more: int = 0
    is_named_for_all: bool = False

    @property
    def number(self) -> int:
        """How many tasks or items failed."""
        return len(self.results) + self.more


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run.

    :ivar failures: those that count: neither ignored nor rescued
    :ivar running_task: the only one that was running when the run ended; None where it is not
        known for sure, as where hosts were at several tasks
    :ivar is_common: no host was at another task, so what Ansible itself says is about that one
    :ivar has_begun: some task has begun
    :ivar has_ended: the run came to its end, whatever failed
    :ivar was_stopped: an error of Ansible's own ended it, and nothing says which failures count
    """

    failures: Sequence[Failure]
    running_task: str | None = None
    is_common: bool = True
    has_begun: bool = False
    has_ended: bool = False
    was_stopped: bool = False

    def stopped(self) -> "Run":
        """The same, ended before its end: nothing tells which of its failures counted."""
        if not self.failures:
            return self
        return dataclasses.replace(self, running_task=None, was_stopped=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What is told of one result of a failure: as attributes of a problem, and as a sentence."""

    attributes: Mapping[str, str | None]
    sentence: str


class Teller:
    """Tells what failed in a run: without secrets, within limits, and in bounded time.

    To mask what a host answers takes time, and how much that is, is for the host to choose.
    """

    def __init__(self) -> None:
        self._said = 0
        self._printed = 0

    def tell(self, failure: Failure, result: Mapping[str, Any]) -> Told:
        """What is told of a failure and one of its results.

        Raises nothing: whatever a module returned, that a task failed is told.
        """
        try:
            return self._tell(failure, result)
        except Exception:
            return self._tell(failure, {})

    def _tell(self, failure: Failure, result: Mapping[str, Any]) -> Told:
        # Clean before a line is taken out: the line before may say that it is a secret.
        message = self._clean_message(_message(failure, result))
        cause = self._clean_message(_cause(result))
        sentence = [
            _what(failure),
            message.strip().partition("\n")[0],
            last_line(cause),
        ]
        whole = f"{message.rstrip()}: {cause}" if cause else message
        attributes = {
            "host": clean_all(failure.host, 256),
            "task": clean_all(failure.task, 1024),
            "message": clean_all(whole, MESSAGE_BYTES),
            "stdout": self._clean_output(
                _text(result, "stdout", "module_stdout")
            ),
        }
        return Told(attributes, ": ".join(part for part in sentence if part))

    def _clean_message(self, text: str) -> str:
        if self._said > _MOST_SAID:
            return beginning(text, _LEAST_SAID)
        self._said += min(len(text), _MASKED)
        return clean(text, MESSAGE_BYTES // 2)

    def _clean_output(self, text: str) -> str:
        if text and self._printed > _MOST_PRINTED:
            return CUT
        self._printed += min(len(text), _MASKED)
        return str(clean_all(text, STDOUT_BYTES))


def _what(failure: Failure) -> str:
    if failure.task and failure.unreachable:
        return f"task '{failure.task}' found {failure.host} unreachable"
    if failure.task and failure.is_named_for_all:
        return f"task '{failure.task}' failed on {failure.host}"
    if failure.task:
        return f"task '{failure.task}' failed"
    if failure.unreachable:
        return f"a task found {failure.host} unreachable"
    return f"a task failed on {failure.host}"


def _message(failure: Failure, result: Mapping[str, Any]) -> str:
    if "censored" in result:
        return as_text(result["censored"])
    message = _reason(result)
    modules = result.get("failed_modules")
    if isinstance(modules, Mapping):
        message = " ".join([message, *_reasons(modules)]).strip()
    if failure.is_loop and "item" in result:
        label = result.get("_ansible_item_label", result["item"])
        # In a list, because the texts of one are joined.
        return f"item {as_text([label])}: {message}"
    return message


def _reason(result: Mapping[str, Any]) -> str:
    """Why a task failed; several parts of a result may say something of it."""
    # Of an include that failed, core 2.19 says in the message that all items are completed.
    message = result.get("reason") or result.get("msg", "")
    if not isinstance(message, str):
        message = _as_json(message)
    causes = result.get("causes", ())
    if isinstance(causes, list):
        message = ": ".join([message.rstrip("."), *map(as_text, causes)])
    if result.get("assertion"):
        message = f"{message}: {as_text([result['assertion']])}"
    if not message and result.get("failed_when_result"):
        message = "its failed_when condition is true"
    return message


def _as_json(value: Any) -> str:
    """A value in JSON, or as text where it is nested too deep to be written so."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return as_text(value)


def _reasons(modules: Mapping[str, Any]) -> Iterable[str]:
    """Why each module failed, of a task that runs several, as the gathering of facts does."""
    for name, result in modules.items():
        if not isinstance(result, Mapping):
            continue
        reasons = [
            as_text(result.get("msg")).strip(),
            last_line(clean(_cause(result), MESSAGE_BYTES // 2)),
        ]
        yield f"{name}: {': '.join(reason for reason in reasons if reason)}"


def _cause(result: Mapping[str, Any]) -> str:
    """What was written to stderr; of a module that crashed, its traceback."""
    if "censored" in result:
        return ""
    for name in ("module_stdout", "module_stderr"):
        text = as_text(result.get(name))
        if _TRACEBACK in text:
            return text.strip()
    return _text(result, "stderr", "module_stderr")


def _text(result: Mapping[str, Any], *names: str) -> str:
    """The first of some texts that is not empty."""
    if "censored" in result:
        return ""
    for name in names:
        if result.get(name):
            return _in_lines(result[name])
    return ""


def _in_lines(value: Any) -> str:
    """A text; of a list, such as the outputs of several commands, each in lines of its own."""
    if not isinstance(value, list):
        return as_text(value)
    cleaned = clean_all(bounded(value))
    return "\n".join(as_text([part]) for part in cleaned)
