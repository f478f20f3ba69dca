# SPDX-License-Identifier: Apache-2.0
"""What the steps of a migration find done already, by an earlier try that was interrupted.

MariaDB and MySQL commit each change of a table by itself, so a step may be half done.
"""

import sqlalchemy as sa
from alembic import op

_INVALID = """
    SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    WHERE pg_class.relname = :name AND pg_class.relnamespace = current_schema()::regnamespace
    AND NOT pg_index.indisvalid
"""
_DIVIDED = """
    SELECT 1 FROM pg_class WHERE relname = :name AND relkind = 'p'
    AND relnamespace = current_schema()::regnamespace
"""


def has_table(table: str) -> bool:
    """Whether there is such a table."""
    return sa.inspect(op.get_bind()).has_table(table)


def has_column(table: str, column: str) -> bool:
    """Whether the table has such a column."""
    columns = sa.inspect(op.get_bind()).get_columns(table)
    return any(found["name"] == column for found in columns)


def has_index(table: str, index: str) -> bool:
    """Whether the table has such an index."""
    indexes = sa.inspect(op.get_bind()).get_indexes(table)
    return any(found["name"] == index for found in indexes)


def has_rows(table: str) -> bool:
    """Whether something is in the table."""
    rows = sa.select(sa.literal(1)).select_from(sa.table(table)).limit(1)
    return op.get_bind().execute(rows).first() is not None


def is_divided(table: str) -> bool:
    """Whether PostgreSQL has partitions for the table."""
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return False
    found = bind.execute(sa.text(_DIVIDED), {"name": table})
    return found.first() is not None


def is_invalid(index: str) -> bool:
    """Whether PostgreSQL was interrupted when it made the index, and so does not use it."""
    found = op.get_bind().execute(sa.text(_INVALID), {"name": index})
    return found.first() is not None
