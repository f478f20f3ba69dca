# SPDX-License-Identifier: Apache-2.0
"""The lines that Ansible itself printed, with the results behind those of failures."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fault_middleware.drivers import ansible_debug, ansible_yaml
from fault_middleware.drivers.ansible_numbers import DECODER

# The lines that are Ansible's own: what tasks print is inside JSON, or indented.
_HOST = r"\[(?P<{}>(?:(?! -> )[^]\n])++)(?: -> [^]\n]*+)?\]"
_LINE = re.compile(
    r"^(?:(?P<banner>PLAY|TASK|RUNNING HANDLER|CLEANUP TASK)(?: \[(?P<name>.*)\])?"
    r"(?: \[CHECK MODE\])? \*{3,}$"
    rf"|(?:fatal|(?P<loop>failed)): {_HOST.format('host')}(?:: (?:FAILED|(?P<lost>UNREACHABLE))!"
    r"|(?(loop) \((?P<item>item=)(?P<label>(?s:(?!\nfailed: ).){0,4096}?)\)|(?!))) =>"
    r"(?: (?P<result>\{(?:\n(?: .*+\n)*+\}$|.*))"
    r"| ?(?:changed=\w+ ?)?(?P<yaml>(?:\n(?: {2}.*|$))*+)$)"
    rf"|(?:ok|changed|(?P<skipping>skipping)): {_HOST.format('well')}"
    r"(?:(?P<one> => \(item=).*| => .*|)$"
    r"|included: .* for (?P<hosts>.+)|(?P<ignoring>\.\.\.ignoring)$"
    r"|(?P<short>\S+) \| (?:FAILED|(?P<gone>UNREACHABLE))[! ].*)",
    re.MULTILINE,
)

# What the log of Ansible has before each line.
_STAMP = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} p=\d+ u=\S+ n=[^\s|]*+ ?[A-Z]*+\| ?",
    re.MULTILINE,
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# An item that failed; its name may go on in the next lines.
_FAILED_ITEM = re.compile(
    rf"^failed: {_HOST.format('host')} \(item=", re.MULTILINE
)
# An error of Ansible's own, or what announces a failure.
_ERROR = re.compile(
    r"^(?:\[ERROR\]: |ERROR! )(.+(?:\n(?!Origin: ).+)*)", re.MULTILINE
)
# Core 2.19 announces each failure of a task.
_ANNOUNCEMENT = "Task failed"
_OWN_ERROR = re.compile(
    rf"^(?:\[ERROR\]: (?!{_ANNOUNCEMENT})|ERROR! )", re.MULTILINE
)
# What core 2.19 has on the line where a message begins.
_LONGEST_ANNOUNCEMENT = 256
_ANNOUNCED = re.compile(r"\[ERROR\]: (?:[^:\n]*: )*")


def plain(text: str) -> str:
    """Output without colours, carriage returns and the time stamps of a log."""
    text = _COLOUR.sub("", text.replace("\r\n", "\n"))
    return _STAMP.sub("", text)


def read(text: str) -> list[tuple[re.Match[str], Mapping[str, Any]]]:
    """The lines of Ansible's own, with the results behind those of failures."""
    found: list[tuple[re.Match[str], Mapping[str, Any]]] = []
    lines = list(_frames(text))
    ends = [line.start() for line in lines[1:]] + [len(text)]
    for line, end in zip(lines, ends, strict=False):
        with contextlib.suppress(ValueError):
            below = ansible_debug.texts(text, line.end(), end)
            found.append((line, {**_result(line), **below}))
    return _without_messages(text, found)


def unread(
    text: str, read: Iterable[tuple[re.Match[str], Mapping[str, Any]]]
) -> set[str]:
    """The hosts of which an item failed whose line could not be read, so the reason is not known.

    Its name is of several lines, and not what its result calls the item, or looks like a result.

    :param read: the lines that could be read
    """
    begins = {line.start() for line, _ in read}
    return {
        item["host"]
        for item in _FAILED_ITEM.finditer(text)
        if item.start() not in begins
    }


def errors(stderr: str) -> list[str]:
    """The errors of Ansible's own, each in one line; no announcements of failures of tasks."""
    found = _ERROR.findall(plain(stderr))
    lines = [" ".join(error.split()) for error in found]
    return [line for line in lines if not line.startswith(_ANNOUNCEMENT)]


def announces_failures(stderr: str) -> bool:
    """Whether core 2.19 has told of failures of tasks there, besides what its callbacks print."""
    return f"[ERROR]: {_ANNOUNCEMENT}" in stderr


def ends_with_error(text: str) -> bool:
    """Whether an error of Ansible's own comes last, behind all failures that are on a stream."""
    end = 0
    for line, _ in read(text):
        end = line.end()
    return _OWN_ERROR.search(text, end) is not None


def has_any(text: str, begin: int) -> bool:
    """Whether there is a line of Ansible's own from a place on."""
    return _LINE.search(text, begin) is not None


def _frames(text: str) -> Iterator[re.Match[str]]:
    """Lines that look like Ansible's own.

    An item of several lines is one where its result holds the item; else a text that begins like
    a failure would hide the real lines that follow.
    """
    line = _LINE.search(text)
    while line:
        end = line.end()
        label = line["item"] and line["label"]
        if label and "\n" in label and not _is_item(line, label):
            end = text.index("\n", line.start())
        else:
            yield line
        line = _LINE.search(text, end)


def _is_item(line: re.Match[str], label: str) -> bool:
    """Whether a result is that of an item with this label."""
    try:
        return bool(_result(line).get("item") == label)
    except ValueError:
        return False


def _without_messages(
    text: str, found: list[tuple[re.Match[str], Mapping[str, Any]]]
) -> list[tuple[re.Match[str], Mapping[str, Any]]]:
    """Leave out lines that are in the message of a failure.

    Core 2.19 prints a message as it is, behind ``[ERROR]: Task failed:`` and before the line that
    holds it as JSON. What looks like a line of Ansible's in it is not one. What comes last is not
    in a message.
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
        if at >= 0 and _is_announced(text, at):
            begin, end = at, at + len(message)
    return real[::-1]


def _is_announced(text: str, at: int) -> bool:
    """Whether Ansible began to print a message here; else what is there may be its own."""
    line = text.rfind("\n", 0, at) + 1
    if at - line > _LONGEST_ANNOUNCEMENT:
        return False
    return _ANNOUNCED.fullmatch(text[line:at]) is not None


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
