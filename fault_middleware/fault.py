# SPDX-License-Identifier: Apache-2.0
"""The fault: the stored error of an instance, as it travels through the project.

Whatever comes in from a notification, a driver or a command becomes a :class:`Fault` through
:func:`make`, the one edge where text is masked and made fit for every database: nothing behind it
has to think of secrets, surrogates or lengths again.
"""

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from fault_middleware import masking

#: Limits of columns: characters of ``message`` and of ids, bytes (UTF-8) of ``details`` (TEXT).
MESSAGE_CHARACTERS, ID_CHARACTERS, DETAILS_BYTES = 255, 64, 65535

# Of a longer text its two ends are looked at: what lies between could not be stored, and masking
# takes time. More than is kept, so that no secret is half in what is masked.
_LONGEST = 80 * 1024
_CUT = "[...]"
_GAP = f"\n{_CUT}\n"
#: A UUID as services write them.
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# The namespace of our uuid5 ids; any constant will do.
_NAMESPACE = uuid.UUID("6b6f7f0e-3c55-4c0c-9d0b-0c8a2f6f5a11")


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A fault, or the clearance of an instance's faults (``deleted``).

    Times are naive UTC. Build one with :func:`make`, which brings every field within the
    table's limits.
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
    deleted: bool = False


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
    deleted: bool = False,
) -> Fault:
    """Build a fault from what somebody reported, or a clearance.

    :param message: text, or anything that has a text form; at most 255 characters are kept, the
        whole goes into ``details``; where it is blank, the last line of ``details`` stands in
    :param details: text or a list of lines, e.g. a traceback; at most 65,535 bytes of UTF-8 are
        kept, the middle is cut out
    :param created: when the error happened; never later than now
    :param message_id: what makes the report unique; without one, equal contents are one fault
    :param problem: an RFC 9457 object; masked, and its longest texts are cut until it fits into
        65,535 bytes of JSON
    :param deleted: make a clearance, which hides the instance's faults up to ``created``
    :raises ValueError: when ``instance_id`` cannot be an id
    """
    instance_id = canonical_id(instance_id)
    now = utcnow()
    message, details = clean(as_text(message)), clean(as_text(details))
    if not message.strip():
        message = last_line(details)
    elif len(message) > MESSAGE_CHARACTERS and message not in details:
        details = f"{message}\n\n{details}" if details else message
    # A report that came without an identity has its content for one.
    content = (deleted, message, details, created or now, request_id, event_type)
    report = message_id or hashlib.sha256(_joined(*content)).hexdigest()
    return Fault(
        id=_identity(service, report, instance_id),
        service=service,
        instance_id=instance_id,
        created=min(created or now, now),
        message=cut_characters(message, MESSAGE_CHARACTERS),
        details=cut_bytes(details, DETAILS_BYTES),
        event_type=_label(event_type, 255),
        request_id=_label(request_id, 64),
        project_id=_label(project_id, 64),
        problem=_as_json(problem) if problem else None,
        deleted=deleted,
    )


def sibling(row: Fault, instance_id: str) -> Fault:
    """The same report of another instance; ValueError when that cannot be an id."""
    own = canonical_id(instance_id)
    return dataclasses.replace(row, id=_identity(row.service, row.id, own), instance_id=own)


def utcnow() -> datetime:
    """Now, as the table keeps it: UTC without a zone, in microseconds."""
    return datetime.now(UTC).replace(tzinfo=None)


def parse_time(value: Any) -> datetime | None:
    """Read an ISO 8601 time, with or without a zone, as naive UTC.

    Returns None for what is none; without a zone, it is UTC, as all OpenStack services mean it.
    """
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (TypeError, ValueError, OverflowError):
        return None


def canonical_id(value: Any) -> str:
    """The one form of an instance's id that is stored and looked up.

    A UUID is lower case, as services show it; a number is its digits; other texts stay.

    :raises ValueError: for what is empty, longer than 64 characters, or not printable
    """
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if UUID.fullmatch(text):
        return text.lower()
    # Of white space, only the space is printable.
    if not 0 < len(text) <= ID_CHARACTERS or not text.isprintable() or " " in text:
        raise ValueError(f"not an id: {value!r:.80}")
    return text


def clean(text: str) -> str:
    """Mask secrets and replace what some database cannot store.

    The result holds no lone surrogates, no NUL, and of over 80 Ki characters the ends. Idempotent.
    """
    if len(text) > _LONGEST:
        half = (_LONGEST - len(_GAP)) // 2
        text = text[:half] + _GAP + text[-half:]
    text = masking.mask(text).replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def clean_all(value: Any, limit: int | None = None, depth: int = 100) -> Any:
    """A JSON value with every text in it, but the names, clean; what a secret's name has is one.

    :param limit: bytes of UTF-8 at which to cut a text; ``depth``: levels below which to cut
    """
    if isinstance(value, str):
        return clean(value) if limit is None else cut_bytes(clean(value), limit)
    if isinstance(value, list | dict) and not depth:
        return _CUT
    if isinstance(value, list):
        return [clean_all(part, limit, depth - 1) for part in value]
    if isinstance(value, dict):
        return {
            name: masking.MASK
            if isinstance(part, str) and masking.mask(f"{name}=x").endswith(masking.MASK)
            else clean_all(part, limit, depth - 1)
            for name, part in value.items()
        }
    return value


def cut_characters(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, with a mark where it is cut."""
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def cut_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of ``text`` in UTF-8, its middle cut out.

    The beginning of a traceback says where it began, its end what happened. No character is split.
    """
    data = text.encode("utf-8")
    if len(data) <= limit:
        return text
    half = (limit - len(_GAP)) // 2
    return _GAP.join(part.decode("utf-8", "ignore") for part in (data[:half], data[-half:]))


def as_text(value: Any) -> str:
    """Text of a field whose type differs from service to service."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Iterable) and not isinstance(value, dict):
        return "".join(map(str, value))
    return str(value)


def last_line(text: str) -> str:
    """What a traceback ends with."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _identity(*parts: str) -> str:
    """The primary key: the same for the same report, whoever records it."""
    return str(uuid.uuid5(_NAMESPACE, _joined(*parts).decode()))


def _as_json(problem: Mapping[str, Any]) -> str | None:
    """The text of a problem that fits; None where cutting its texts does not make it fit."""
    limits = (DETAILS_BYTES, 8192, 1024, 128)
    texts = (json.dumps(clean_all(dict(problem), limit), allow_nan=False) for limit in limits)
    return next((text for text in texts if len(text) <= DETAILS_BYTES), None)


def _label(value: Any, limit: int) -> str | None:
    """A short column that nobody reads as prose: cut, or left empty."""
    return cut_characters(clean(value), limit) if isinstance(value, str) else None


def _joined(*parts: object) -> bytes:
    return "\0".join(map(str, parts)).encode("utf-8", "replace")
