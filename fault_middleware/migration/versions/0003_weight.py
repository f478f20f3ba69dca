# SPDX-License-Identifier: Apache-2.0
"""Let a fault say how near it is to the cause.

The column may be NULL, which is what rows have that are there, and what an older release writes
that still runs beside this one.
"""

import sqlalchemy as sa
from alembic import op

from fault_middleware.migration import done

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if not done.has_column("instance_faults", "weight"):
        op.add_column("instance_faults", sa.Column("weight", sa.SmallInteger))
