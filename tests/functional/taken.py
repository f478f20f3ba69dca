# SPDX-License-Identifier: Apache-2.0
"""What the log handler takes of a service's log while its tests run, kept as test data.

``tox -e SERVICE -- --keep-emitted`` writes ``tests/data/SERVICE/logged.json`` too: the version of
the service, and by logger what the handler found in the first records of which it made a fault,
each with the rule of the profile by its place there, and with the fault.  It begins in a process
with the driver of :mod:`.emitting`, so what others log is missing.  The traceback, which goes into
the details alone, is left out.
"""

import functools
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fault_middleware import log_rule, profile
from fault_middleware.chain import Cause
from fault_middleware.log_record import Failure
from tests.fixtures import DATA
from tests.functional import emitted, emitting
from tests.functional.deployment import Deployment

FILE = "logged.json"
# Of the fault, what is kept where it is not empty.
_FIELDS = ("instance_id", "message", "operation", "request_id", "project_id")
_MOST_OF_A_LOGGER = 8


def keep(deployment: Deployment, version: str) -> None:
    """Write the file of test data of a service, whose processes have ended."""
    service = deployment.service
    file = deployment.folder / emitting.LOGGED
    kept: dict[str, Any] = {}
    seen: dict[str, list[Any]] = {}
    own = emitted.Own(deployment)
    for line in file.read_text().splitlines() if file.exists() else ():
        one = json.loads(own.replaced(line))
        expect = made_of(service, one)
        meant = emitted.meaning({"action": "record", "rows": [expect]})
        logger = one["failure"]["logger"]
        before = seen.setdefault(logger, [])
        if meant in before or len(before) == _MOST_OF_A_LOGGER:
            continue
        before.append(meant)
        kept[f"{logger} {len(before)}"] = {**one, "expect": expect}
    if kept:
        said = {"version": version, "failures": kept}
        emitted.write(DATA / service / FILE, said)


def expect_anew() -> None:
    """Write anew what the profiles make of what is kept, after they were changed on purpose."""
    for file in sorted(DATA.glob(f"*/{FILE}")):
        said = json.loads(file.read_text())
        for one in said["failures"].values():
            one["expect"] = made_of(file.parent.name, one)
        emitted.write(file, said)


def made_of(service: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """What the profile makes of a failure that was kept."""
    read = _load(service)
    given = one["failure"]
    failure = Failure(
        **{
            **given,
            "created": datetime.fromisoformat(given["created"]),
            "sources": tuple(given["sources"]),
            "causes": tuple(_cause(**cause) for cause in given["causes"]),
        }
    )
    rule = read.sources.logs[one["rule"]]
    row = log_rule.make_fault(service, rule, failure, read.sources.words)
    return {
        field: getattr(row, field) for field in _FIELDS if getattr(row, field)
    }


def _cause(names: list[str], **others: Any) -> Cause:
    return Cause(names=tuple(names), **others)


_load: Callable[[str], profile.Profile] = functools.cache(profile.load)


if __name__ == "__main__":
    expect_anew()
