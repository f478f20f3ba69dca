# SPDX-License-Identifier: Apache-2.0
"""The primary key of a row: when it happened, and what makes its report the same one.

A key is a UUID of RFC 9562, version 8. Its first 48 bits are the time that the report itself
gives, in milliseconds, laid out as in version 7; so new rows go to the end of the table. The rest
is a hash of what makes the report unique. It is not version 7, because there the time is that of
the making, and the rest is random: whoever reads a 7 may rely on either.

The time of a key must be the same whenever the report is delivered:

- it is the report's own, and never the receipt's
- a time in the future stays as it is, since it would be the past if the report came again later;
  only the column ``created`` is brought back to the receipt
- a report without a time, or with one that cannot be read, has the time 0
"""

import hashlib
import uuid
from datetime import datetime, timedelta

_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)
_LATEST = 2**48 - 1
_VERSION = 8
# RFC 9562, section 4.1: the variant of all its versions.
_VARIANT = 0b10
#: The version of the keys of releases before.
FORMER_VERSION = 5
# Their namespace.
_NAMESPACE = uuid.UUID("6b6f7f0e-3c55-4c0c-9d0b-0c8a2f6f5a11")


def make(moment: datetime | None, identity: bytes) -> str:
    """The key of a report.

    :param moment: the time that the report gives, naive UTC; what is before 1970 counts as 1970;
        None where it gives none
    :param identity: what makes the report unique
    """
    digest = hashlib.sha256(identity).digest()
    return _assembled(_milliseconds(moment), int.from_bytes(digest))


def first_of(moment: datetime) -> str:
    """What no key of an earlier time reaches, and none of this time or a later one is below."""
    digits = f"{_milliseconds(moment):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def bound_of(first: str) -> datetime:
    """The moment of which :func:`first_of` made this."""
    return _EPOCH + (uuid.UUID(first).int >> 80) * _MILLISECOND


def derive(key: str, identity: bytes) -> str:
    """The key of another row of the same report, which has the same time."""
    milliseconds = uuid.UUID(key).int >> 80
    digest = hashlib.sha256(identity).digest()
    return _assembled(milliseconds, int.from_bytes(digest))


def former(identity: bytes) -> str:
    """The key that releases before this one gave the same report."""
    return str(uuid.uuid5(_NAMESPACE, identity.decode()))


def moment_of(key: str) -> datetime | None:
    """The time in a key, to the millisecond; None where it has none, or is not one of ours."""
    try:
        read = uuid.UUID(key)
        milliseconds = read.int >> 80
        if read.version != _VERSION or not milliseconds:
            return None
        return _EPOCH + milliseconds * _MILLISECOND
    except (ValueError, OverflowError):
        return None


def _milliseconds(moment: datetime | None) -> int:
    if moment is None:
        return 0
    return min(max(0, (moment - _EPOCH) // _MILLISECOND), _LATEST)


def _assembled(milliseconds: int, digest: int) -> str:
    """The 48 bits of the time, the version, 12 bits of the digest, the variant, and 62 more."""
    bits = milliseconds << 80
    bits |= _VERSION << 76
    bits |= (digest >> 62 & 0xFFF) << 64
    bits |= _VARIANT << 62
    bits |= digest & (2**62 - 1)
    digits = f"{bits:032x}"
    # As str() of a UUID, in a third of the time.
    return "-".join(
        (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    )
