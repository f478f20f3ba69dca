# SPDX-License-Identifier: Apache-2.0
"""Why a service did not do what it was asked."""

from collections.abc import Mapping


class NotInCatalogError(Exception):
    """The cloud does not have the service."""


class RefusedError(Exception):
    """A service did not do what it was asked."""


class SilentError(RefusedError):
    """A service does not answer."""


class ForbiddenError(RefusedError):
    """A service shows this to others only, such as administrators."""


class BadRequestError(RefusedError):
    """A service cannot read what it was asked."""


_BY_STATUS: Mapping[int, type[RefusedError]] = {
    400: BadRequestError,
    403: ForbiddenError,
}


def by_status(status: int) -> RefusedError:
    """What an HTTP status other than 200 says."""
    kind = _BY_STATUS.get(status, RefusedError)
    return kind(f"it answers {status}")
