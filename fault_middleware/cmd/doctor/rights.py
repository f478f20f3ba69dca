# SPDX-License-Identifier: Apache-2.0
"""Tries what the user of the database may do, in transactions that are rolled back."""

import dataclasses
import uuid
from collections.abc import Iterator

import sqlalchemy as sa
from oslo_db import exception as db_exception

from fault_middleware import clock, models
from fault_middleware.cmd.doctor import publishing
from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import database as findings
from fault_middleware.store import Store

_T = models.instance_faults
_STORES = "no fault is stored"
_PURGES = "old faults are never removed"


@dataclasses.dataclass(frozen=True, slots=True)
class Right:
    """Something that a process has to do.

    :ivar name: for people: ``INSERT into instance_faults``
    :ivar purpose: what follows if it may not
    """

    name: str
    purpose: str
    statement: sa.Executable


def look(case: Case, store: Store, url: str) -> Iterator[Finding]:
    """Yield the rights that are missing for what processes with this configuration do."""
    if not isinstance(case.setup, Setup):
        return
    is_filter_alone = (
        case.setup.settings.consumer == "external"
        and case.given.paste is not None
    )
    if publishing.has_driver(case):
        is_filter_alone = False
    try:
        missing = _missing(case.setup, store)
    finally:
        store.writer.dispose()
    if missing and is_filter_alone and missing[0][0].purpose == _STORES:
        yield findings.rights_of_filter(url)
        return
    for purpose in (_STORES, _PURGES):
        names = []
        first_error = ""
        for right, error in missing:
            if right.purpose == purpose:
                names.append(right.name)
                first_error = first_error or error
        if names:
            yield findings.rights_missing(
                ", ".join(names), purpose, url, first_error
            )


def _missing(setup: Setup, store: Store) -> list[tuple[Right, str]]:
    """The rights that are missing, and what the database says."""
    missing = []
    for right in _needed(setup, store.writer.dialect.name):
        error = _try(store, right)
        if error:
            missing.append((right, error))
    return missing


def _needed(setup: Setup, dialect: str) -> Iterator[Right]:
    """What who stores faults has to do; where nobody reads notifications it is not known who."""
    if not setup.priorities:
        return
    yield Right(
        "INSERT into instance_faults", _STORES, _T.insert().values(**_row())
    )
    if dialect == "mysql":
        # INSERT ... ON DUPLICATE KEY UPDATE asks for it.
        nothing = _T.update().where(sa.false()).values(id=_T.c.id)
        yield Right("UPDATE instance_faults", _STORES, nothing)
    settings = setup.settings
    if settings.retention_days or settings.max_faults_per_instance:
        table = models.retention
        yield Right(
            "DELETE from instance_faults",
            _PURGES,
            _T.delete().where(_T.c.id == "-"),
        )
        lease = (
            table.update().where(sa.false()).values(position=table.c.position)
        )
        yield Right(f"UPDATE {table.name}", _PURGES, lease)
        yield Right(
            f"SELECT from {table.name}", _PURGES, sa.select(table.c.position)
        )


def _row() -> dict[str, object]:
    """A row that nobody asks for."""
    now = clock.utcnow()
    row: dict[str, object] = dict.fromkeys(
        ("instance_id", "message", "details"), "-"
    )
    return {"id": str(uuid.uuid4()), "created": now, "updated": now, **row}


def _try(store: Store, right: Right) -> str:
    """Why the database refuses, or "". Nothing is left of it."""
    with store.writer.connect() as connection:
        transaction = connection.begin()
        try:
            connection.execute(right.statement)
        except (sa.exc.DBAPIError, db_exception.DBError) as exc:
            cause = (
                getattr(exc, "orig", None)
                or getattr(exc, "inner_exception", None)
                or exc
            )
            cause = getattr(cause, "orig", None) or cause
            return f"{type(cause).__name__}: {str(cause).splitlines()[0]}"
        finally:
            transaction.rollback()
    return ""
