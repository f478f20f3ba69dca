# SPDX-License-Identifier: Apache-2.0
"""The table of faults, as operators list it: the newest first, in pages, or counted.

What an index serves is one statement that reads what it answers. What none serves is looked for in
slices of the table, from the newest on, and up to a bound; so no statement reads the whole of it.
The order is that of (``created``, ``id``), and not of ``id`` alone: rows of early releases have
ids without a time, and so have reports without one.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from fault_middleware import key, models
from fault_middleware.store import Store

#: The most rows that are counted, whether they are folded or the most frequent.
MOST_COUNTED = 100_000
#: The most rows that are looked at for a page, where no index finds them.
MOST_LOOKED_AT = 1_000_000
# Rows that one statement looks at then.
_SLICE = 50_000

_MILLISECOND = timedelta(milliseconds=1)
# The last time behind which there is another one; no report is of a later one.
_LATEST = datetime.max - _MILLISECOND

_T = models.instance_faults
# What the indexes find by themselves; with one of these, the others pass over few rows.
_INDEXED = ("id", "instance_id")

#: Is told how many rows were looked at, and how far back that was.
Tell = Callable[[int, datetime], None]


class UnknownPlaceError(Exception):
    """There is no such row to go on after."""


class Place(NamedTuple):
    """Where a row is in the list."""

    created: datetime
    id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to list.

    :ivar since: only what happened then or later
    :ivar equal: columns, and the value that each must have
    """

    since: datetime | None
    equal: Mapping[str, Any]

    @property
    def is_by_time(self) -> bool:
        """Whether they are to be found by their time."""
        return not any(name in self.equal for name in _INDEXED)

    @property
    def is_indexed(self) -> bool:
        """Whether an index leads to the newest of them."""
        return not self.equal or not self.is_by_time


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    :ivar rows: the newest first
    :ivar unseen: what lies behind it was not looked at, because :data:`MOST_LOOKED_AT` rows were;
        None where that was not the reason to end
    """

    rows: list[dict[str, Any]]
    unseen: Place | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """What was counted together.

    :ivar rows: columns, ``count``, ``first`` and ``last``
    :ivar is_partial: whether there are more rows than the :data:`MOST_COUNTED` that were looked at
    """

    rows: list[dict[str, Any]]
    is_partial: bool


class Listing:
    """The lists of the table in the database of a store.

    Every method raises what the database raises, and takes as long as that.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(
        self,
        wanted: Wanted,
        columns: Sequence[str],
        limit: int | None,
        after: str | None = None,
        tell: Tell | None = None,
    ) -> Page:
        """The next rows, the newest first.

        :param columns: to read; the long texts take most of the time
        :param limit: the most rows; None for all, however many are looked at
        :param after: the id of the row to go on after; None for the beginning
        :param tell: is called after each slice, where no index leads to the rows
        :raises UnknownPlaceError: when there is no row ``after``, and its id has no time
        """
        with self._store.unhurried.connect() as connection:
            place = None
            if after is not None:
                place = _place_of(connection, after)
            walk = _Walk(connection, wanted, columns)
            if wanted.is_indexed:
                return Page(walk.rows(place, None, limit))
            rows: list[dict[str, Any]] = []
            looked_at = 0
            for begin, end in walk.slices(place):
                left = None if limit is None else limit - len(rows)
                rows += walk.rows(begin, end, left)
                looked_at += _SLICE
                if end is None or len(rows) == limit:
                    break
                if limit is not None and looked_at >= MOST_LOOKED_AT:
                    return Page(rows, end)
                if tell is not None:
                    tell(looked_at, end.created)
            return Page(rows)

    def folded(self, wanted: Wanted, limit: int | None) -> Counted:
        """One row for all of an instance that say the same, the last first.

        :param limit: the most to return; None for all, and to count all rows of the table
        """
        same = ("service", "instance_id", "message", "deleted")
        most = None if limit is None else MOST_COUNTED
        recent = _recent([*same, *wanted.equal], wanted, most)
        return self._count(recent, _folded(recent, same, wanted), limit, most)

    def most_frequent(
        self, keys: Sequence[str], wanted: Wanted, limit: int | None
    ) -> Counted:
        """What failed most often, among the newest 100,000 rows of a time, most frequent first.

        :param keys: columns; faults that have the same there are counted together, and each has
            ``instances``, how many had it
        :param limit: the most to return; None for all
        """
        names = [*keys, "instance_id", "deleted", *wanted.equal]
        recent = _recent(names, wanted, MOST_COUNTED)
        statement = _grouped(recent, keys, wanted)
        return self._count(recent, statement, limit, MOST_COUNTED)

    def _count(
        self,
        recent: sa.Subquery,
        statement: sa.Select[Any],
        limit: int | None,
        most: int | None,
    ) -> Counted:
        with self._store.unhurried.connect() as connection:
            rows = connection.execute(statement.limit(limit))
            found = [dict(row) for row in rows.mappings()]
            if most is None:
                return Counted(found, is_partial=False)
            number = sa.select(sa.func.count()).select_from(recent)
            looked_at = connection.scalar(number)
            return Counted(found, is_partial=looked_at == most)


class _Walk:
    """A way through the table, the newest first."""

    def __init__(
        self, connection: sa.Connection, wanted: Wanted, columns: Sequence[str]
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._columns = [_T.c[name] for name in dict.fromkeys(columns)]

    def rows(
        self, begin: Place | None, end: Place | None, limit: int | None
    ) -> list[dict[str, Any]]:
        """The wanted rows behind ``begin``, up to ``end``."""
        statement = self._between(sa.select(*self._columns), begin, end)
        for name, value in self._wanted.equal.items():
            statement = statement.where(_T.c[name] == value)
        found = self._connection.execute(statement.limit(limit))
        return [dict(row) for row in found.mappings()]

    def slices(
        self, begin: Place | None
    ) -> Iterator[tuple[Place | None, Place | None]]:
        """The bounds of slices, one after the other; the last one has no end."""
        while True:
            statement = self._between(
                sa.select(_T.c.created, _T.c.id), begin, None
            )
            # Of the index alone, which has both.
            last = statement.offset(_SLICE - 1).limit(1)
            found = self._connection.execute(last).first()
            end = None if found is None else Place(*found)
            yield begin, end
            if end is None:
                return
            begin = end

    def _between(
        self, statement: sa.Select[Any], begin: Place | None, end: Place | None
    ) -> sa.Select[Any]:
        dialect = self._connection.dialect.name
        if self._wanted.since is not None:
            statement = statement.where(_T.c.created >= self._wanted.since)
        if begin is not None:
            statement = statement.where(_is_behind(begin, dialect))
        if end is not None:
            statement = statement.where(sa.not_(_is_behind(end, dialect)))
        return _newest_first(statement, self._wanted)


def _newest_first(statement: sa.Select[Any], wanted: Wanted) -> sa.Select[Any]:
    if wanted.is_by_time:
        # For many rows MariaDB would rather read the whole table, and sort it.
        hint = "FORCE INDEX (instance_faults_created)"
        statement = statement.with_hint(_T, hint, "mysql")
    return statement.order_by(_T.c.created.desc(), _T.c.id.desc())


def _is_behind(place: Place, dialect: str) -> sa.ColumnElement[bool]:
    """Whether a row comes later in the list, in the form that the database finds by an index."""
    created, id_ = _T.c.created, _T.c.id
    if dialect == "mysql":
        is_equal = (created == place.created) & (id_ < place.id)
        return (created < place.created) | is_equal
    there = sa.tuple_(
        sa.literal(place.created, models.DateTime), sa.literal(place.id)
    )
    return sa.tuple_(created, id_) < there


def _place_of(connection: sa.Connection, id_: str) -> Place:
    """Where a row is, or was if it has been removed meanwhile."""
    query = sa.select(_T.c.created, _T.c.id).where(_T.c.id == id_)
    found = connection.execute(query).first()
    if found is not None:
        return Place(*found)
    moment = key.moment_of(id_)
    if moment is None or moment > _LATEST:
        raise UnknownPlaceError(
            f"there is no row with the id {id_} any more, and its time is not known; begin again, "
            "perhaps with --since"
        )
    # Rather some of the same millisecond again than one too few.
    return Place(moment + _MILLISECOND, "")


def _recent(
    names: Sequence[str], wanted: Wanted, most: int | None
) -> sa.Subquery:
    """The newest rows of a time: one walk down an index, however large the table is.

    What no index finds is chosen among them, and not here.
    """
    columns = [_T.c[name] for name in dict.fromkeys([*names, "created"])]
    statement = sa.select(*columns)
    for name in _INDEXED:
        if name in wanted.equal:
            statement = statement.where(_T.c[name] == wanted.equal[name])
    if wanted.since is not None:
        statement = statement.where(_T.c.created >= wanted.since)
    if most is not None:
        statement = _newest_first(statement, wanted).limit(most)
    return statement.subquery("recent")


def _folded(
    recent: sa.Subquery, same: Sequence[str], wanted: Wanted
) -> sa.Select[Any]:
    columns = [recent.c[name] for name in same]
    count = sa.func.count().label("count")
    first = sa.func.min(recent.c.created).label("first")
    last = sa.func.max(recent.c.created).label("last")
    return (
        _chosen(sa.select(*columns, count, first, last), recent, wanted)
        .group_by(*columns)
        .order_by(last.desc())
    )


def _grouped(
    recent: sa.Subquery, keys: Sequence[str], wanted: Wanted
) -> sa.Select[Any]:
    """The faults of some rows, counted; of equals, what happened last comes first."""
    columns = [recent.c[name] for name in keys]
    count = sa.func.count().label("count")
    instances = sa.func.count(sa.distinct(recent.c.instance_id))
    first = sa.func.min(recent.c.created).label("first")
    last = sa.func.max(recent.c.created).label("last")
    statement = sa.select(
        *columns, count, instances.label("instances"), first, last
    )
    return (
        _chosen(statement, recent, wanted)
        .where(recent.c.deleted.is_(False))
        .group_by(*columns)
        .order_by(count.desc(), last.desc(), *columns)
    )


def _chosen(
    statement: sa.Select[Any], recent: sa.Subquery, wanted: Wanted
) -> sa.Select[Any]:
    for name, value in wanted.equal.items():
        statement = statement.where(recent.c[name] == value)
    return statement
