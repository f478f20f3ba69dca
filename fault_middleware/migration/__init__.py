# SPDX-License-Identifier: Apache-2.0
"""Makes the table and brings it up to date, with alembic.

Migrations only add, so the release before goes on working beside this one while an upgrade rolls.
They alone make tables, in production and in tests.
"""

import alembic.command
import alembic.config
import alembic.runtime.migration
import alembic.script
import sqlalchemy as sa

from fault_middleware import models

VERSION_TABLE = "fault_middleware_alembic_version"


class ForeignTableError(Exception):
    """The database has a table of our name that is not ours."""


def sync(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``; nothing happens when it is there.

    :raises ForeignTableError: when ``instance_faults`` belongs to somebody else; nothing is
        changed then
    """
    check(engine)
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)
        connection.commit()


def check(engine: sa.Engine) -> None:
    """Raise ForeignTableError when ``instance_faults`` belongs to somebody else."""
    if sa.inspect(engine).has_table(models.instance_faults.name) and version(engine) is None:
        raise ForeignTableError(
            f"the database {engine.url.render_as_string()} has a table "
            f"{models.instance_faults.name!r} that fault_middleware did not make "
            "(Trove's own schema has one of that name); nothing was changed. Let "
            "[fault_middleware_database] connection name a database of our own"
        )


def version(engine: sa.Engine) -> str | None:
    """The revision of the database, or None where :func:`sync` never ran."""
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE}
        context = alembic.runtime.migration.MigrationContext.configure(connection, opts=options)
        return context.get_current_revision()


def newest() -> str | None:
    """The revision that this release needs."""
    return alembic.script.ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", "fault_middleware:migration")
    config.set_main_option("path_separator", "os")
    return config
