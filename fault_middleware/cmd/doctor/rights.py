# SPDX-License-Identifier: Apache-2.0
"""Tries what the user of the database may do, in transactions that are rolled back."""

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

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


@dataclasses.dataclass(frozen=True, slots=True)
class Lack:
    """A right that is missing, and what the database says instead."""

    right: Right
    error: str


def look(case: Case, store: Store, url: str) -> Iterator[Finding]:
    """Yield the rights that are missing for what processes with this configuration do."""
    if not isinstance(case.setup, Setup):
        return
    try:
        missing = _missing(case.setup, store)
    finally:
        store.writer.dispose()
    to_store = [lack for lack in missing if lack.right.purpose == _STORES]
    if to_store and _is_filter_alone(case, case.setup):
        yield findings.rights_of_filter(url)
        return
    for purpose in (_STORES, _PURGES):
        yield from _lacking(purpose, missing, url)


def _is_filter_alone(case: Case, setup: Setup) -> bool:
    """Whether nothing but a filter uses this configuration, and only reads the table."""
    if case.given.paste is None:
        return False
    if publishing.has_driver(case):
        return False
    return setup.settings.consumer == "external"


def _lacking(purpose: str, missing: list[Lack], url: str) -> Iterator[Finding]:
    """One finding for all rights that one purpose lacks, with the first error."""
    lacks = [lack for lack in missing if lack.right.purpose == purpose]
    if lacks:
        names = ", ".join(lack.right.name for lack in lacks)
        error = lacks[0].error
        yield findings.rights_missing(names, purpose, url, error)


def _missing(setup: Setup, store: Store) -> list[Lack]:
    """The rights that are missing."""
    missing = []
    for right in _needed(setup, store.writer.dialect.name):
        error = _try(store, right)
        if error:
            missing.append(Lack(right, error))
    return missing


def _needed(setup: Setup, dialect: str) -> Iterator[Right]:
    """What a process that stores faults has to do; where nobody reads notifications, nothing."""
    if not setup.priorities:
        return
    insert = _T.insert().values(_row())
    yield Right("INSERT into instance_faults", _STORES, insert)
    if dialect == "mysql":
        # INSERT ... ON DUPLICATE KEY UPDATE asks for it.
        nothing = _T.update().where(sa.false()).values(id=_T.c.id)
        yield Right("UPDATE instance_faults", _STORES, nothing)
    settings = setup.settings
    if settings.retention_days or settings.max_faults_per_instance:
        yield from _needed_to_purge()


def _needed_to_purge() -> Iterator[Right]:
    """What the retention has to do."""
    delete = _T.delete().where(_T.c.id == "-")
    yield Right("DELETE from instance_faults", _PURGES, delete)
    table = models.retention
    position = table.c.position
    lease = table.update().where(sa.false()).values(position=position)
    yield Right(f"UPDATE {table.name}", _PURGES, lease)
    select = sa.select(position)
    yield Right(f"SELECT from {table.name}", _PURGES, select)


def _row() -> dict[str, object]:
    """A row that nobody asks for."""
    now = clock.utcnow()
    return {
        "id": str(uuid.uuid4()),
        "instance_id": "-",
        "message": "-",
        "details": "-",
        "created": now,
        "updated": now,
    }


def _try(store: Store, right: Right) -> str:
    """Why the database refuses, or "". Nothing is left of it."""
    with store.writer.connect() as connection:
        transaction = connection.begin()
        try:
            connection.execute(right.statement)
        except (sa.exc.DBAPIError, db_exception.DBError) as exc:
            return _describe(exc)
        finally:
            transaction.rollback()
    return ""


def _describe(exc: Exception) -> str:
    """The first line of what the driver said, which SQLAlchemy and oslo.db have wrapped."""
    cause: Any = exc
    for wrapped in ("inner_exception", "orig"):
        cause = getattr(cause, wrapped, None) or cause
    first_line = str(cause).splitlines()[0]
    return f"{type(cause).__name__}: {first_line}"
