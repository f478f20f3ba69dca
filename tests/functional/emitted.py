# SPDX-License-Identifier: Apache-2.0
"""What a service emits while its tests run, kept as test data.

``tox -e SERVICE -- --keep-emitted`` writes ``tests/data/SERVICE/emitted.json``: the version of the
service, and of each kind of notification that its profile knows the first ones, each with what the
profile makes of it.  ``tests/unit/test_services.py`` reads it.  For the next release of a service,
the version in ``tox.ini`` is changed and the file made anew; what differs is what the release
changed.

No host, address or person of the machine is kept: names are those of the tests, and what is the
machine's own is replaced.
"""

import json
import re
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from fault_middleware import profile
from tests.fixtures import DATA
from tests.functional.deployment import EMITTED, PEOPLE, ROOT, Deployment

FILE = "emitted.json"
# How many notifications of a kind are kept, if what is made of them differs.
_MOST_OF_A_KIND = 3
_ID = re.compile(r"[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\b[\da-f]{32}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?")
_ADDRESS = re.compile(r"\b127\.0\.0\.1:\d+")


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
        told = [_wording(row) for row in made["rows"]]
        before = seen.setdefault(kind, [])
        if told in before or len(before) == _MOST_OF_A_KIND:
            continue
        before.append(told)
        name = f"{kind} {len(before)}"
        kept[name] = {"notification": notification, "expect": made}
    if not kept:
        return
    said = {"version": version, "notifications": kept}
    text = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False)
    (DATA / service / FILE).write_text(f"{text}\n")


def _wording(row: Mapping[str, str]) -> str:
    """What is said of an instance, whichever it is."""
    return row.get("message", "").replace(row["instance_id"], "{id}")


def _read(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """The notifications, without what is of this machine and this run alone."""
    file = deployment.folder / EMITTED
    if not file.exists():
        return
    own = _Own(deployment)
    for line in file.read_text().splitlines():
        yield json.loads(own.replaced(line))


def _made_of(
    service: str, notification: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What the profile makes of a notification; None of one that it does not know."""
    sources = profile.load(service).sources
    if not any(event.matches(notification) for event in sources.events):
        return None
    extraction = sources.extract(notification)
    rows = []
    for row in extraction.faults:
        told = {"instance_id": row.instance_id}
        if row.message:
            told["message"] = row.message
        rows.append(told)
    made = {"action": extraction.action, "rows": rows}
    if extraction.reason:
        made["reason"] = extraction.reason
    return made


class _Own:
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
        text = _ADDRESS.sub("192.0.2.1:80", text)
        text = _TIME.sub(_moment, text)
        return _ID.sub(self._id, text)

    def _id(self, found: re.Match[str]) -> str:
        made = self._ids.get(found[0])
        if made is None:
            number = uuid.UUID(int=len(self._ids), version=4)
            made = str(number) if "-" in found[0] else number.hex
            self._ids[found[0]] = made
        return made


def _moment(found: re.Match[str]) -> str:
    """The same for all times, in the form of each."""
    fraction = re.sub(r"\d", "0", found[2] or "")
    return f"2026-01-01{found[1]}00:00:00{fraction}"
