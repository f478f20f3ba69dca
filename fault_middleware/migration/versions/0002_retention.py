# SPDX-License-Identifier: Apache-2.0
"""Make the table by which the processes agree who purges.

It has one row: when there is next something to do, and the instance at which to go on.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from fault_middleware.migration import done

revision = "0002"
down_revision = "0001"


TABLE = "fault_middleware_retention"


def upgrade() -> None:
    if not done.has_table(TABLE):
        _make_table()
    if not done.has_rows(TABLE):
        table = sa.table(
            TABLE,
            sa.column("id", sa.Integer),
            sa.column("due", sa.DateTime),
            sa.column("position", sa.String),
        )
        long_ago = datetime(2000, 1, 1)
        op.bulk_insert(table, [{"id": 1, "due": long_ago, "position": ""}])


def _make_table() -> None:
    date_time = sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), "mysql", "mariadb"
    )
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("due", date_time),
        sa.Column("position", sa.String(64), nullable=False),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
