# SPDX-License-Identifier: Apache-2.0
"""How a service shows a fault, and which stays where it wrote one itself."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fault_middleware import fault, problem
from fault_middleware.fault import Fault
from fault_middleware.field import Field

_DEFAULTS = {
    "form": "fault",
    "key": "fault",
    "existing": "newest",
    "existing_details": "policy",
    # Services write the same failure into their own tables, a moment later.
    "existing_later": 5,
}
# The member that only the policy lets through.
_DETAILS = {"fault": "details", "problem": "traceback"}
_SAMPLE = datetime(2026, 11, 21, 20, 36, 5)


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How a service shows a fault.

    :ivar form: ``fault`` (created, message, details) or ``problem`` (RFC 9457, and traceback)
    :ivar key: the member of the instance that holds it
    :ivar created: the format of a fault's time, as for strftime
    :ivar existing: which fault stays where the service wrote one itself: ``newest``, ``keep`` (the
        service's) or ``replace`` (by ours)
    :ivar existing_created: where an instance says when the service wrote its own
    :ivar existing_later: seconds; one that the service wrote no later than that after ours is the
        same failure, and ours stays
    """

    form: str
    key: str
    created: str
    existing: str
    existing_created: Field
    existing_details: str
    existing_later: float

    def show(
        self, instance: Mapping[str, Any], row: Fault | None, show: bool, details: bool
    ) -> Any:
        """What the member is to hold; None for no member.

        :param row: the newest row of the instance
        :param show: whether the caller may see our fault
        :param details: whether the caller may see the details of any fault
        """
        existing = instance.get(self.key)
        if row is not None and (show or row.deleted) and self._wins(row, existing, instance):
            return None if row.deleted else self._ours(row, details)
        if not isinstance(existing, dict):
            return existing
        if self.form == "problem":
            whole = problem.lift(existing)
            existing = existing if whole is None else whole.to_dict()
        hides = not details and self.existing_details != "keep"
        return fault.clean_all(
            {k: v for k, v in existing.items() if not (hides and k == self._details)}
        )

    @property
    def _details(self) -> str:
        return _DETAILS[self.form]

    def _ours(self, row: Fault, details: bool) -> dict[str, Any]:
        if self.form == "problem":
            view = json.loads(row.problem or "{}") or {"status": 500, "detail": row.message}
            view = {**view, self._details: row.details} if row.details else view
        else:
            created = row.created.strftime(self.created)
            view = {"created": created, "message": row.message, self._details: row.details}
        if not details:
            view.pop(self._details, None)
        return dict(view)

    def _wins(self, row: Fault, existing: Any, instance: Mapping[str, Any]) -> bool:
        """Whether our row stays rather than what the service wrote."""
        if existing is None or self.existing == "replace":
            return True
        theirs = fault.parse_time(self.existing_created.find(instance))
        if theirs is None or self.existing == "keep":
            return False
        ours = row.created.replace(microsecond=0)
        lead = (theirs.replace(microsecond=0) - ours).total_seconds()
        return lead <= (0 if row.deleted else self.existing_later)


def build(data: Mapping[str, Any]) -> Shape:
    """Build the section ``fault`` of a profile or of a route.

    :param data: as the profile's schema describes it
    :raises ValueError: for what a schema cannot see
    """
    shape = {**_DEFAULTS, "created": "", **data}
    if (
        shape["form"] == "fault"
        and fault.parse_time(_SAMPLE.strftime(shape["created"])) != _SAMPLE
    ):
        raise ValueError("needs in 'fault' a format 'created' of ISO 8601 to the second")
    created = shape.get("existing_created", f"{shape['key']}.created")
    return Shape(**{**shape, "existing_created": Field.parse(created)})
