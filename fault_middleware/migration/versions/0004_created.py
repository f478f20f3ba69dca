# SPDX-License-Identifier: Apache-2.0
"""Let operators find the newest faults without reading the whole table.

Reading and writing go on meanwhile: InnoDB makes an index beside them, and PostgreSQL does when it
is asked to, outside a transaction.
"""

from alembic import op

from fault_middleware.migration import done

revision = "0004"
down_revision = "0003"

TABLE = "instance_faults"
INDEX = "instance_faults_created"
COLUMNS = ["created", "id"]


def upgrade() -> None:
    if done.is_divided(TABLE):
        # Of a table with partitions PostgreSQL makes none beside writers.
        if not done.has_index(TABLE, INDEX):
            op.create_index(INDEX, TABLE, COLUMNS)
    elif op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _make_beside_writers()
    elif not done.has_index(TABLE, INDEX):
        op.create_index(INDEX, TABLE, COLUMNS)


def _make_beside_writers() -> None:
    if done.is_invalid(INDEX):
        op.drop_index(INDEX, TABLE, postgresql_concurrently=True)
    if not done.has_index(TABLE, INDEX):
        op.create_index(INDEX, TABLE, COLUMNS, postgresql_concurrently=True)
