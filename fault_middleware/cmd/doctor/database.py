# SPDX-License-Identifier: Apache-2.0
"""Looks at the database of faults, at its replica, and at the rights there."""

import dataclasses
import time
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from fault_middleware import clock, migration, models, options
from fault_middleware.cmd.doctor import rights
from fault_middleware.cmd.doctor.case import Case
from fault_middleware.cmd.doctor.finding import Finding, Severity
from fault_middleware.cmd.doctor.findings import database as findings
from fault_middleware.options import DATABASE_GROUP, ConfigurationError
from fault_middleware.partitions import layout
from fault_middleware.store import Store

# Seconds that the database may take for an answer.
_LOOKUP_TIMEOUT = 3.0
# Seconds by which two clocks may differ.
_DRIFT = 5.0
# How long ago something was stored that a replica must have by now.
_REPLICATED = timedelta(minutes=5)
# For how long there must be partitions.
_ENOUGH = timedelta(days=2)
# The seconds since 1970, by the dialect.
_CLOCKS = {
    "sqlite": "SELECT strftime('%s', 'now')",
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
    "postgresql": "SELECT extract(epoch FROM now())",
}
_T = models.instance_faults


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A database and the option that names it.

    :ivar store: reads from this database alone
    """

    option: str
    url: sa.URL
    store: Store


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a database says of itself.

    :ivar revision: "" where ``db sync`` never ran, None where we may not see it
    :ivar drift: seconds by which its clock differs from ours
    :ivar differences: sentences about what keeps this release from working with the tables
    :ivar divided_until: where the last of the table's partitions ends; None where it has none
    """

    has_table: bool
    revision: str | None
    drift: float
    differences: str
    divided_until: datetime | None = None


def look(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the database."""
    try:
        given = options.read_database_options(case.conf)
        primary = _place("connection", given["connection"], case)
        replica = None
        if given["slave_connection"]:
            replica = _place(
                "slave_connection", given["slave_connection"], case
            )
    except ConfigurationError as exc:
        yield findings.database_wrong(str(exc))
        return
    is_usable = yield from _look_at(primary)
    if is_usable:
        yield from rights.look(case, primary.store, str(primary.url))
    if replica is not None:
        is_replica_usable = yield from _look_at(replica)
        if is_usable and is_replica_usable:
            yield from _compare(primary, replica)
        replica.store.reader.dispose()
    primary.store.reader.dispose()


def _place(option: str, url: str, case: Case) -> Place:
    values = options.read_database_options(case.conf)
    values |= {"connection": url, "slave_connection": None}
    store = Store(values, _LOOKUP_TIMEOUT)
    return Place(f"[{DATABASE_GROUP}] {option}", sa.make_url(url), store)


def _look_at(place: Place) -> Generator[Finding, None, bool]:
    """Yield what is wrong; return whether the table can be read."""
    url = str(place.url)
    path = _file(place.url)
    if path is not None:
        if not path.is_absolute():
            yield findings.database_relative(place.option, str(path))
        if not path.exists():
            # To connect would make the file.
            yield findings.table_missing(place.option, url)
            return False
    try:
        facts = _ask(place.store)
    except Exception as exc:
        yield findings.database_unreachable(place.option, url, _describe(exc))
        return False
    found = list(_judge(place, facts))
    yield from found
    severities = {finding.severity for finding in found}
    if Severity.ERROR in severities:
        return False
    try:
        place.store.newest("-", "-")
    except Exception as exc:
        yield findings.table_unreadable(place.option, url, _describe(exc))
        return False
    if facts.revision and not found:
        yield findings.database_well(place.option, url, facts.revision)
    return True


def _ask(store: Store) -> Facts:
    with store.reader.connect() as connection:
        now = connection.scalar(sa.text(_CLOCKS[connection.dialect.name]))
        has_table = sa.inspect(connection).has_table(_T.name)
        divided_until = layout.read(connection).end
    drift = abs(float(now or 0) - time.time())
    revision = _revision(store)
    differences = ""
    if has_table and revision:
        differences = _differences(store)
    return Facts(has_table, revision, drift, differences, divided_until)


def _revision(store: Store) -> str | None:
    try:
        return migration.version(store.reader) or ""
    except sa.exc.DBAPIError:
        return None  # the rights that the filter needs are for another table


def _differences(store: Store) -> str:
    """How the table differs from ours; nothing where we may not look, which is found later."""
    try:
        return " ".join(migration.differences(store.reader).sentences())
    except sa.exc.SQLAlchemyError:
        return ""


def _file(url: sa.URL) -> Path | None:
    """The file of an embedded database that is named by its path."""
    path = url.database or ""
    if url.get_backend_name() != "sqlite" or path.startswith("file:"):
        return None
    return Path(path)


def _judge(place: Place, facts: Facts) -> Iterator[Finding]:
    if facts.drift > _DRIFT:
        yield findings.database_clock(f"{facts.drift:.1f}")
    if facts.revision:
        yield from _judge_tables(str(place.url), facts, facts.revision)
    else:
        yield _without_revision(place, facts)


def _without_revision(place: Place, facts: Facts) -> Finding:
    """What is wrong where ``db sync`` never ran, or we may not see whether it did."""
    url = str(place.url)
    if facts.revision is None:
        return findings.revision_unknown(place.option, url)
    if facts.has_table:
        return findings.table_foreign(url)
    return findings.table_missing(place.option, url)


def _judge_tables(url: str, facts: Facts, revision: str) -> Iterator[Finding]:
    """What is wrong with tables that ``db sync`` has made."""
    needed = migration.newest() or ""
    if revision < needed:
        yield findings.revision_old(revision, needed)
    elif facts.differences:
        yield findings.table_different(url, facts.differences)
    if revision > needed:
        yield findings.revision_newer(revision, needed)
    end = facts.divided_until
    if end is not None and end < clock.utcnow() + _ENOUGH:
        yield findings.partitions_end(url, f"{end:%Y-%m-%d}")


def _compare(primary: Place, replica: Place) -> Iterator[Finding]:
    """Whether a replica has what its primary has had for some time, and nothing else."""
    ours = _newest(primary.store)
    theirs = _newest(replica.store)
    names = str(replica.url), str(primary.url)
    if ours is None and theirs is None:
        if primary.url.database != replica.url.database:
            yield findings.replica_renamed(*names)
        return
    is_in_replica = ours is None or _has(replica.store, ours)
    is_in_primary = theirs is None or _has(primary.store, theirs)
    if not (is_in_replica and is_in_primary):
        yield findings.replica_other(*names)


def _newest(store: Store) -> str | None:
    """The id of the newest of the rows that every replica should have."""
    latest = clock.utcnow() - _REPLICATED
    query = sa.select(_T.c.id).where(_T.c.updated < latest)
    query = query.order_by(_T.c.created.desc()).limit(1)
    with store.reader.connect() as connection:
        found: str | None = connection.scalar(query)
    return found


def _has(store: Store, row_id: str) -> bool:
    query = sa.select(_T.c.id).where(_T.c.id == row_id)
    with store.reader.connect() as connection:
        found = connection.scalar(query)
    return found is not None


def _describe(exc: Exception) -> str:
    """The database's own words; SQLAlchemy's have the statement in them."""
    own = getattr(exc, "orig", exc)
    first_line = str(own).splitlines()[0]
    return f"{type(exc).__name__}: {first_line}"
