# SPDX-License-Identifier: Apache-2.0
"""The table ``instance_faults``, as the migrations leave it."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: UTC without a zone. MySQL's plain DATETIME would drop the microseconds, and with them the order
#: of two faults of one second.
DateTime = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

metadata = sa.MetaData()

instance_faults = sa.Table(
    "instance_faults",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("instance_id", sa.String(64), nullable=False),
    sa.Column("message", sa.String(255), nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("created", DateTime, nullable=False),
    sa.Column("updated", DateTime, nullable=False),
    sa.Column("deleted", sa.Boolean),
    sa.Column("deleted_at", DateTime),
    sa.Column("service", sa.String(64)),
    sa.Column("event_type", sa.String(255)),
    sa.Column("request_id", sa.String(64)),
    sa.Column("project_id", sa.String(64)),
    sa.Column("problem", sa.Text),
    sa.Index("instance_faults_newest", "instance_id", "created", "id"),
    # Whatever the server's default is: every character can be stored, and ids that differ in case
    # are different ids.
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
