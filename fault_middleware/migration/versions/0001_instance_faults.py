# SPDX-License-Identifier: Apache-2.0
"""Make the table of faults.

The columns down to deleted_at are those of Trove's specification "Persist Error Message"; the ones
behind it are ours, and may be empty.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from fault_middleware.migration import done

revision = "0001"
down_revision = None


TABLE = "instance_faults"
INDEX = "instance_faults_newest"


def upgrade() -> None:
    if not done.has_table(TABLE):
        _make_table()
    if not done.has_index(TABLE, INDEX):
        op.create_index(INDEX, TABLE, ["instance_id", "created", "id"])


def _make_table() -> None:
    date_time = sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), "mysql", "mariadb"
    )
    op.create_table(
        TABLE,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("instance_id", sa.String(64), nullable=False),
        sa.Column("message", sa.String(255), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("created", date_time, nullable=False),
        sa.Column("updated", date_time, nullable=False),
        sa.Column("deleted", sa.Boolean),
        sa.Column("deleted_at", date_time),
        sa.Column("service", sa.String(64)),
        sa.Column("event_type", sa.String(255)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("project_id", sa.String(64)),
        sa.Column("problem", sa.Text),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
