# SPDX-License-Identifier: Apache-2.0
"""The fault: the stored error of an instance, as it travels through the project.

Whatever comes in from a notification, a driver or a command becomes a :class:`Fault` through
:func:`make`, the one place where text is masked and made fit for every database: no code after it
has to think of secrets, surrogates or lengths again.

What the words mean in this package:

row                  of the table ``instance_faults``: a fault or a clearance, both a ``Fault``
fault                why an operation on an instance failed
clearance            that the instance is well since, or gone
own fault            what the service itself writes into a body; in profiles ``existing``
member ``fault``     of the body: a fault, ours or an own one, as the caller may see it
section ``fault``    of a profile: how a fault looks in a body, built as a ``presentation.Form``
``[filter:fault]``   a deployer's name for the filter in a paste file
"""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fault_middleware import clock, extent, key, masking
from fault_middleware.text import (
    as_text,
    clean,
    clean_all,
    cut_bytes,
    cut_characters,
    last_line,
)

#: Limits of columns: characters of ``message`` and of ids, bytes (UTF-8) of ``details`` (TEXT).
MESSAGE_CHARACTERS = 255
ID_CHARACTERS = 64
DETAILS_BYTES = 65535

#: The most instances of one notification that become rows.
MOST_INSTANCES = 10_000
# So many rows of one notification have their details whole; of more, each has so many bytes.
_WHOLE_ROWS = 64
_LEAST_DETAILS = 1024
# Bytes to which each text of a problem is cut at last, and characters of it that are kept then.
_SHORT_TEXT = 128
_LEAST_PROBLEM = 8192

#: A UUID as services write them.
UUID = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
# The ids of requests, projects and users, which hold no secret. Each look for one lets another
# thread run, and to go on after that takes longer than the look.
_ID = re.compile(r"(?:req-)?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
# Of other names, those that are kept clean: how many, and of how many characters at most.
_MOST_NAMES = 256
_LONGEST_NAME = 255
# Nothing happened before; further back, calculating with times fails.
_EPOCH = datetime(1970, 1, 1)
#: What the event types of faults from a log begin with; the logger follows.
LOGGED = "log "


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table: a fault of an instance, or the clearance of its faults.

    Times are naive UTC. Build one with :func:`make`, which brings every field within the
    table's limits.

    :ivar is_clearance: the instance is well again, or gone, and shows none of the faults that it
        had until ``created``; the column ``deleted``. In a show it hides them
        (:meth:`fault_middleware.presentation.Form.render`), in a history it marks them
        (:func:`fault_middleware.history.fold`); no fault gives way to what came before it
        (:mod:`fault_middleware.cause`), and the retention does not spare what it has cleared
        (:mod:`fault_middleware.archive`)
    :ivar operation: of a fault, what failed, and of a clearance, what succeeded since: it hides
        the faults of that operation alone. None where it is not known; such a clearance is of all
    :ivar skip_delta: seconds; it is not to be stored where another fault of the instance is not
        older than that. Not stored itself
    :ivar former_identity: of which releases before this one made the id of the same report; not
        stored, and None in what was read from the table
    :ivar newest_report: when the newest report of the same failure was made, where this row is
        shown in its place; not stored
    """

    id: str
    service: str
    instance_id: str
    created: datetime
    message: str = ""
    details: str = ""
    event_type: str | None = None
    request_id: str | None = None
    project_id: str | None = None
    problem: str | None = None
    is_clearance: bool = False
    weight: int | None = None
    operation: str | None = None
    skip_delta: float = dataclasses.field(default=0.0, compare=False)
    former_identity: bytes | None = dataclasses.field(
        default=None, compare=False
    )
    newest_report: datetime | None = dataclasses.field(
        default=None, compare=False
    )

    @property
    def reported_until(self) -> datetime:
        """When the failure was reported last, as far as is known."""
        return self.newest_report or self.created

    @property
    def former_id(self) -> str | None:
        """The id that releases before this one gave to the same report; None where not known."""
        if self.former_identity is None:
            return None
        return key.former(self.former_identity)

    @property
    def is_of_one_operation(self) -> bool:
        """Whether it is a clearance that hides the faults of one operation alone."""
        return self.is_clearance and self.operation is not None

    @property
    def was_logged(self) -> bool:
        """Whether it was taken from the service's log."""
        return (self.event_type or "").startswith(LOGGED)


def make(
    service: str,
    instance_id: str,
    *,
    message: Any = None,
    details: Any = None,
    created: datetime | None = None,
    message_id: str | None = None,
    event_type: str | None = None,
    request_id: str | None = None,
    project_id: str | None = None,
    problem: Mapping[str, Any] | None = None,
    is_clearance: bool = False,
    weight: int | None = None,
    operation: str | None = None,
    skip_delta: float = 0.0,
) -> Fault:
    """Build a fault from what somebody reported, or a clearance.

    :param message: text, or anything that has a text form; at most 255 characters are kept, the
        whole goes into ``details``; where it is blank, the last line of ``details`` stands in
    :param details: text or a list of lines, e.g. a traceback; at most 65,535 bytes of UTF-8 are
        kept, the middle is cut out
    :param created: when the error happened, as the report says; the row has no time before 1970
        or later than now, while its id has that of the report (see :mod:`fault_middleware.key`)
    :param message_id: what makes the report unique; without one, equal contents of the same time
        are one fault
    :param problem: an RFC 9457 object; masked, and its longest texts are cut until it fits into
        65,535 bytes of JSON
    :param is_clearance: make a clearance, which hides the instance's faults up to ``created``
    :param weight: of the faults of one request, the one with the greatest is shown; see
        :func:`fault_middleware.cause.weigh`
    :param operation: which operation failed, or succeeded, by the service's profile
    :param skip_delta: seconds, see :class:`Fault`
    :raises ValueError: when ``instance_id`` cannot be an id
    """
    instance_id = canonical_id(instance_id)
    now = clock.utcnow()
    message = clean(as_text(message))
    details = clean(as_text(details))
    if not message.strip():
        message = last_line(details)
    elif len(message) > MESSAGE_CHARACTERS and message not in details:
        details = f"{message}\n\n{details}" if details else message
    request_id = _label(request_id, 64)
    event_type = _label(event_type, 255)
    report = message_id
    moment = created
    if not report:
        # A report without an identity is identified by its content, and the time belongs to it.
        moment = created or now
        content = _joined(
            is_clearance, message, details, moment, request_id, event_type
        )
        report = hashlib.sha256(content).hexdigest()
    identity = _joined(service, report, instance_id)
    return Fault(
        id=key.make(moment, identity),
        former_identity=identity,
        service=service,
        instance_id=instance_id,
        created=max(min(created or now, now), _EPOCH),
        message=cut_characters(message, MESSAGE_CHARACTERS),
        details=cut_bytes(details, DETAILS_BYTES),
        event_type=event_type,
        request_id=request_id,
        project_id=_label(project_id, 64),
        problem=_as_json(problem) if problem else None,
        is_clearance=is_clearance,
        weight=weight,
        operation=_label(operation, 64),
        skip_delta=skip_delta,
    )


def sibling(row: Fault, instance_id: str) -> Fault:
    """The same report of another instance; ValueError when that cannot be an id."""
    own = canonical_id(instance_id)
    identity = _joined(row.service, row.id, own)
    former_identity = None
    if row.former_id is not None:
        former_identity = _joined(row.service, row.former_id, own)
    return dataclasses.replace(
        row,
        id=key.derive(row.id, identity),
        former_identity=former_identity,
        instance_id=own,
    )


def share_out(rows: Sequence[Fault]) -> list[Fault]:
    """The rows of one notification, with less of the details where there are many rows.

    A notification names thousands of instances in a few hundred KB, and each row has its details.
    All together they have 4 MiB, which are whole details for 64 instances; of more instances each
    has its share of that, and at least 1 KiB. A problem that is larger is left out.
    """
    if len(rows) <= _WHOLE_ROWS:
        return list(rows)
    limit = max(_WHOLE_ROWS * DETAILS_BYTES // len(rows), _LEAST_DETAILS)
    shared = []
    for row in rows:
        problem = row.problem
        if problem is not None and len(problem) > limit:
            problem = None
        details = cut_bytes(row.details, limit)
        shared.append(
            dataclasses.replace(row, details=details, problem=problem)
        )
    return shared


def size(row: Fault) -> int:
    """The bytes of a row's long texts, in UTF-8."""
    texts = (row.message, row.details, row.problem or "")
    return sum(len(text.encode()) for text in texts)


def canonical_id(value: Any) -> str:
    """The one form of an instance's id that is stored and looked up.

    A UUID is lower case, as services show it; a number is its digits; other texts stay.

    :raises ValueError: for what is empty, longer than 64 characters, or not printable
    """
    text = (
        str(value)
        if isinstance(value, int | str) and not isinstance(value, bool)
        else ""
    )
    if UUID.fullmatch(text):
        return text.lower()
    # Of white space, only the space is printable.
    if (
        not 0 < len(text) <= ID_CHARACTERS
        or not text.isprintable()
        or " " in text
    ):
        raise ValueError(f"not an id: {value!r:.80}")
    return text


def _as_json(problem: Mapping[str, Any]) -> str | None:
    """The text of a problem that fits: its longest texts are cut, then what is behind them."""
    whole = clean_all(extent.bounded(dict(problem)))
    for limit in (DETAILS_BYTES, 8192, 1024, _SHORT_TEXT):
        shortened = extent.with_short_texts(whole, limit)
        text = json.dumps(shortened, allow_nan=False)
        if len(text) <= DETAILS_BYTES:
            return text
    least = extent.bounded(shortened, characters=_LEAST_PROBLEM)
    text = json.dumps(least, allow_nan=False)
    return text if len(text) <= DETAILS_BYTES else None


def _label(value: Any, limit: int) -> str | None:
    """The text of a short column for identifiers: cut, or left empty."""
    if not isinstance(value, str):
        return None
    if _ID.fullmatch(value):
        return value
    if len(value) > _LONGEST_NAME:
        return cut_characters(clean(value), limit)
    return cut_characters(_cleaned(value, masking.chosen.masker()), limit)


@functools.lru_cache(_MOST_NAMES)
def _cleaned(name: str, by: masking.Masker) -> str:
    """A name without secrets: the types of events are few, and come again and again.

    :param by: what masks in this process now, and not what did when the name came last
    """
    return clean(name)


def _joined(*parts: object) -> bytes:
    return "\0".join(map(str, parts)).encode("utf-8", "replace")
