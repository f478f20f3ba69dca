# SPDX-License-Identifier: Apache-2.0
"""Makes the table and brings it up to date, with alembic.

Migrations only add, so the release before goes on working beside this one while an upgrade rolls.
They alone make tables, in production and in tests.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import alembic.command
import alembic.config
import alembic.runtime.migration
import alembic.script
import sqlalchemy as sa

from fault_middleware import models

VERSION_TABLE = "fault_middleware_alembic_version"


class ForeignTableError(Exception):
    """The database has a table of our name that is not ours."""


class UnknownRevisionError(Exception):
    """The database is at a revision that this release does not know."""


class DifferentTablesError(Exception):
    """The tables are not what their revision says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Differences:
    """Where the tables keep this release from working.

    :ivar missing: columns that are not there, as ``table.column``
    :ivar required: columns that this release does not know, and must have a value
    """

    missing: tuple[str, ...]
    required: tuple[str, ...]

    def sentences(self) -> list[str]:
        """What is wrong, and what to do about it."""
        told = []
        if self.missing:
            told.append(
                f"These columns are missing, though the database is at revision {newest()}: "
                f"{', '.join(self.missing)}. Put them back as a new database has them; or, if the "
                f"faults may be lost, drop the tables and {VERSION_TABLE}, and run db sync."
            )
        if self.required:
            told.append(
                "These columns are not known to this release and must have a value, so it can "
                f"store nothing: {', '.join(self.required)}. Let them be NULL, or give them a "
                "default."
            )
        return told


def sync(
    engine: sa.Engine,
    revision: str = "head",
    tell: Callable[[str], None] | None = None,
) -> None:
    """Bring the database to ``revision``; nothing happens when it is there.

    It can be repeated whenever it was interrupted: each step looks at what is done already.

    :param engine: one without a bound on an answer's time, since a step may take long for a large
        table
    :param tell: is given a line before each step
    :raises ForeignTableError: when ``instance_faults`` belongs to somebody else; nothing is
        changed then
    :raises UnknownRevisionError: when a newer release has made the tables; nothing is changed then
    """
    check(engine)
    check_revision(engine)
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        for step in _steps(version(engine), revision):
            if tell is not None:
                tell(f"{step.revision}: {step.doc}")
            alembic.command.upgrade(config, step.revision)
            connection.commit()


def check(engine: sa.Engine) -> None:
    """Raise ForeignTableError when ``instance_faults`` belongs to somebody else.

    Our own table that a first :func:`sync` left unfinished stands beside our table of revisions.
    """
    inspector = sa.inspect(engine)
    if inspector.has_table(
        models.instance_faults.name
    ) and not inspector.has_table(VERSION_TABLE):
        raise ForeignTableError(
            f"the database {engine.url.render_as_string()} has a table "
            f"{models.instance_faults.name!r} that fault_middleware did not make "
            "(Trove's own schema has one of that name); nothing was changed. Let "
            "[fault_middleware_database] connection name a database of our own"
        )


def check_revision(engine: sa.Engine) -> None:
    """Raise UnknownRevisionError when this release does not know the database's revision."""
    current = version(engine)
    known = [script.revision for script in _scripts().walk_revisions()]
    if current is not None and current not in known:
        raise UnknownRevisionError(
            f"the database is at revision {current}, and this release knows {newest()}: a newer "
            "release has brought it up to date; nothing was changed. This release goes on working "
            "with it for as long as releases are mixed; run db sync of the newer one"
        )


def check_tables(engine: sa.Engine) -> None:
    """Raise DifferentTablesError when the tables are not what their revision says."""
    sentences = differences(engine).sentences()
    if sentences:
        raise DifferentTablesError(" ".join(sentences))


def differences(engine: sa.Engine) -> Differences:
    """Compare the tables with what this release needs. Reads the catalogue of the database only.

    What an older or a newer release made may differ: columns count as missing only at the revision
    that this release needs. Nothing differs where :func:`sync` never ran.
    """
    current = version(engine)
    if current is None:
        return Differences((), ())
    missing: list[str] = []
    required: list[str] = []
    inspector = sa.inspect(engine)
    for table in models.metadata.sorted_tables:
        found = _columns(inspector, table)
        missing += [
            f"{table.name}.{column.name}"
            for column in table.c
            if column.name not in found
        ]
        for name, column in found.items():
            is_required = not column["nullable"] and column["default"] is None
            if name not in table.c and is_required:
                required.append(f"{table.name}.{name}")
    if current != newest():
        missing = []
    return Differences(tuple(missing), tuple(required))


def _columns(inspector: sa.Inspector, table: sa.Table) -> dict[str, Any]:
    """The columns that a table has in the database, by name; none where it is not there."""
    if not inspector.has_table(table.name):
        return {}
    return {
        column["name"]: column for column in inspector.get_columns(table.name)
    }


def version(engine: sa.Engine) -> str | None:
    """The revision of the database, or None where :func:`sync` never ran."""
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE}
        context = alembic.runtime.migration.MigrationContext.configure(
            connection, opts=options
        )
        return context.get_current_revision()


def _steps(current: str | None, wanted: str) -> list[alembic.script.Script]:
    """What is to be done from one revision to another, in order."""
    steps = list(_scripts().iterate_revisions(wanted, current or "base"))
    steps.reverse()
    return steps


def newest() -> str | None:
    """The revision that this release needs."""
    return _scripts().get_current_head()


def _scripts() -> alembic.script.ScriptDirectory:
    return alembic.script.ScriptDirectory.from_config(_config())


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", "fault_middleware:migration")
    config.set_main_option("path_separator", "os")
    return config
