# SPDX-License-Identifier: Apache-2.0
"""The tables, as the migrations leave them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: UTC without a zone. MySQL's plain DATETIME would drop the microseconds, and with them the order
#: of two faults of one second.
DateTime = sa.DateTime().with_variant(
    mysql.DATETIME(fsp=6), "mysql", "mariadb"
)

metadata = sa.MetaData()

# Whatever the server's default is: every character can be stored, and ids that differ in case are
# different ids.
_MYSQL: Any = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

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
    # How near the row is to the cause, of the rows of one request (see cause.py); the rows of
    # releases before this column have NULL.
    sa.Column("weight", sa.SmallInteger),
    # Of a fault, the operation that failed; of a clearance, the one that succeeded since, whose
    # faults alone it hides. NULL, where none is known, and where a clearance is of all.
    sa.Column("operation", sa.String(64)),
    # Of one instance, and of all.
    sa.Index("instance_faults_newest", "instance_id", "created", "id"),
    sa.Index("instance_faults_created", "created", "id"),
    **_MYSQL,
)

#: One row: when there is next something to purge, and the instance at which to go on.
retention = sa.Table(
    "fault_middleware_retention",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("due", DateTime),
    sa.Column("position", sa.String(64), nullable=False),
    **_MYSQL,
)
