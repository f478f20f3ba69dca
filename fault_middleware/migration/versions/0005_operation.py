# SPDX-License-Identifier: Apache-2.0
"""Let a fault say which operation failed, and a clearance which operation succeeded.

The column may be NULL, which is what rows have that are there, and what an older release writes
that still runs beside this one: such a clearance is one of all operations.
"""

import sqlalchemy as sa
from alembic import op

from fault_middleware.migration import done

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    if not done.has_column("instance_faults", "operation"):
        op.add_column("instance_faults", sa.Column("operation", sa.String(64)))
