# SPDX-License-Identifier: Apache-2.0
"""Make the table of faults.

The columns down to deleted_at are those of Trove's specification "Persist Error Message"; the ones
behind it are ours, and may be empty.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None


def upgrade() -> None:
    date_time = sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), "mysql", "mariadb"
    )
    op.create_table(
        "instance_faults",
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
        sa.Index("instance_faults_newest", "instance_id", "created", "id"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
