# SPDX-License-Identifier: Apache-2.0
"""Changes of the table, one after the other, and how they are made."""

import dataclasses
import time
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from oslo_db import exception as db_exception

#: Is told how many rows were copied.
Copied = Callable[[int], None]

# Seconds between two tries, and how many there are.
_PAUSE = 1.0
_TRIES = 60
# Of PostgreSQL: a lock was not to be had in time, or at once.
_LOCKED = "55P03"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What is done with one commit, where the database can.

    :ivar text: for people
    :ivar is_repeated: whether the one statement, which says how many rows it copied, is to be
        repeated until it copies none
    """

    text: str
    statements: tuple[str, ...]
    is_repeated: bool = False

    @property
    def script(self) -> tuple[str, ...]:
        """The same for psql, or the program of MariaDB."""
        if self.statements[0].startswith("SET LOCAL"):
            return ("BEGIN", *self.statements, "COMMIT")
        return self.statements


def run(engine: sa.Engine, step: Step, copied: Copied) -> None:
    """Make the change of a step.

    :raises Exception: of the database; nothing of the step is done then, or a part of the copying
    """
    if not step.is_repeated:
        _patiently(engine, step.statements)
        return
    total = 0
    while number := _patiently(engine, step.statements):
        total += number
        copied(total)


def _patiently(engine: sa.Engine, statements: Iterable[str]) -> int:
    """Run statements in a transaction, again where others have the locks; the last one's answer.

    Whoever waits for a lock of PostgreSQL's holds up all who come after; so each wait is short.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _at_once(engine, statements)
        except (db_exception.DBError, sa.exc.DBAPIError) as exc:
            if not left or not _is_locked(exc):
                raise
        time.sleep(_PAUSE)
    return 0


def _at_once(engine: sa.Engine, statements: Iterable[str]) -> int:
    answer = 0
    with engine.begin() as connection:
        for statement in statements:
            # To the drivers, one alone begins a parameter.
            text = statement.replace("%", "%%")
            result = connection.exec_driver_sql(text)
            if result.returns_rows:
                answer = int(result.scalar() or 0)
    return answer


def _is_locked(exc: BaseException) -> bool:
    """Whether this is PostgreSQL that did not get a lock in time."""
    error: BaseException | None = exc
    while error is not None:
        if getattr(error, "sqlstate", None) == _LOCKED:
            return True
        wrapped = getattr(error, "inner_exception", None)
        error = wrapped or getattr(error, "orig", None)
    return False
