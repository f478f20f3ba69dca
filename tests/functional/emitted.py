# SPDX-License-Identifier: Apache-2.0
"""What a service emits while its tests run, kept as test data.

``tox -e SERVICE -- --keep-emitted`` writes ``tests/data/SERVICE/emitted.json``: the version of the
service, and of each kind of notification that its profile knows, and of other errors, the first
ones, each with what the profile makes of it.  ``tests/unit/test_services.py`` reads it.  For the
next release of a service, the version in ``tox.ini`` is changed and the file made anew; what
differs is what the release changed.  After a change of a profile, ``python -m
tests.functional.emitted`` writes what it makes now; what differs is what the change did.

No host, address or person of the machine is kept: names are those of the tests, and what is the
machine's own is replaced.
"""

import copy
import json
import re
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fault_middleware import profile
from fault_middleware.fault import Fault
from tests.fixtures import DATA
from tests.functional.deployment import EMITTED, PEOPLE, ROOT, Deployment

FILE = "emitted.json"
# How many notifications of a kind are kept, if what is made of them differs.
_MOST_OF_A_KIND = 8
# Larger parts of a notification, in characters, are left out if nothing is made of them.
_LARGE = 200
_LEFT_OUT = "[...]"
# What is kept of a row, where it is not empty; of the details their first and last line.
_FIELDS = (
    "instance_id",
    "message",
    "operation",
    "request_id",
    "project_id",
    "details_begin",
    "details_end",
)
_ID = re.compile(r"[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\b[\da-f]{32}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?")
# In texts of exceptions, too: host='127.0.0.1', port=40439.
_ADDRESS = re.compile(r"\b127\.0\.0\.1(?:(:|', port=)\d+)?\b")


def keep(deployment: Deployment, version: str) -> None:
    """Write the file of test data of a service, whose processes have ended."""
    service = deployment.service
    kept: dict[str, Any] = {}
    seen: dict[str, list[Any]] = {}
    for notification in _read(deployment):
        made = _made_of(service, notification)
        if made is None:
            continue
        kind = f"{notification['event_type']} {notification['priority']}"
        meant = meaning(made)
        before = seen.setdefault(kind, [])
        if meant in before or len(before) == _MOST_OF_A_KIND:
            continue
        before.append(meant)
        name = f"{kind} {len(before)}"
        brief = _brief(service, notification)
        kept[name] = {"notification": brief, "expect": made}
    if kept:
        said = {"version": version, "notifications": kept}
        write(DATA / service / FILE, said)


def expect_anew() -> None:
    """Write anew what the profiles make of what is kept, after they were changed on purpose."""
    for file in sorted(DATA.glob(f"*/{FILE}")):
        said = json.loads(file.read_text())
        for one in said["notifications"].values():
            one["expect"] = _made_of(file.parent.name, one["notification"])
        write(file, said)


def write(file: Path, said: Mapping[str, Any]) -> None:
    """Write a file of test data, of which two can be compared line by line."""
    text = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False)
    file.write_text(f"{text}\n")


def told(row: Fault, field: str) -> Any:
    """A field of a row as the test data have it: by the name of its column."""
    if field == "deleted":
        return row.is_clearance
    if field in ("details_begin", "details_end"):
        lines = row.details.rstrip("\n").split("\n")
        return lines[0 if field == "details_begin" else -1]
    value = getattr(row, field)
    return value.isoformat() if field == "created" else value


def meaning(made: Mapping[str, Any]) -> Any:
    """What is said of an instance, whichever it is and whoever asked."""
    rows = [
        (_ID.sub("{id}", row.get("message", "")), row.get("operation"))
        for row in made["rows"]
    ]
    return made["action"], made.get("reason"), rows


def _read(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """The notifications, without what is of this machine and this run alone."""
    file = deployment.folder / EMITTED
    if not file.exists():
        return
    own = Own(deployment)
    for line in file.read_text().splitlines():
        yield json.loads(own.replaced(line))


def _made_of(
    service: str, notification: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What the profile makes of a notification; None of one of which it does not know the kind.

    It has to let pass what is of a kind that it knows and says something else, and other errors.
    """
    sources = profile.load(service).sources
    obstacles = {event.obstacle(notification) for event in sources.events}
    if obstacles == {"event_type"} and notification["priority"] != "ERROR":
        return None
    extraction = sources.extract(notification)
    rows = [
        {field: told(row, field) for field in _FIELDS if told(row, field)}
        for row in extraction.faults
    ]
    made: dict[str, Any] = {"action": extraction.action, "rows": rows}
    if extraction.reason:
        made["reason"] = extraction.reason
    return made


def _brief(service: str, notification: dict[str, Any]) -> dict[str, Any]:
    """A notification without large parts of which nothing is made, such as Nova's arguments."""
    sources = profile.load(service).sources

    def read(sent: Mapping[str, Any]) -> Any:
        obstacles = [event.obstacle(sent) for event in sources.events]
        return sources.extract(sent), obstacles

    made = read(notification)
    brief = copy.deepcopy(notification)
    payload = brief["payload"]
    parts = [payload] if isinstance(payload, dict | list) else []
    while parts:
        part = parts.pop()
        places = part if isinstance(part, dict) else range(len(part))
        for place in places:
            value = part[place]
            if len(json.dumps(value)) <= _LARGE:
                continue
            part[place] = _LEFT_OUT
            if read(brief) == made:
                continue
            part[place] = value
            if isinstance(value, dict | list):
                parts.append(value)
    return brief


class Own:
    """What in texts is of this machine and this run alone, and what takes its place."""

    def __init__(self, deployment: Deployment) -> None:
        self._places = {
            str(deployment.folder): f"/var/lib/{deployment.service}",
            sys.prefix: "/usr",
            sys.base_prefix: "/usr",
            str(ROOT): "/usr/src",
        }
        # A short name may be a part of any word.
        name = re.escape(socket.gethostname())
        self._host = re.compile(rf"(?<![\w-]){name}(?![\w-])")
        self._ids: dict[str, str] = {}
        for person in PEOPLE:
            _, project, _ = person.split(":")
            self._ids[project] = project

    def replaced(self, text: str) -> str:
        """A text without it; the same id has the same place in all texts."""
        for own, general in self._places.items():
            text = text.replace(own, general)
        text = self._host.sub("host1", text)
        text = _ADDRESS.sub(_address, text)
        text = _TIME.sub(_moment, text)
        return _ID.sub(self._id, text)

    def _id(self, found: re.Match[str]) -> str:
        made = self._ids.get(found[0])
        if made is None:
            number = uuid.UUID(int=len(self._ids), version=4)
            made = str(number) if "-" in found[0] else number.hex
            self._ids[found[0]] = made
        return made


def _address(found: re.Match[str]) -> str:
    """One of documentation, with a port where there was one."""
    port = f"{found[1]}80" if found[1] else ""
    return f"192.0.2.1{port}"


def _moment(found: re.Match[str]) -> str:
    """The same for all times, in the form of each."""
    fraction = re.sub(r"\d", "0", found[2] or "")
    return f"2026-01-01{found[1]}00:00:00{fraction}"


if __name__ == "__main__":
    expect_anew()
