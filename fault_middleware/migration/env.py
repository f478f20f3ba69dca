# SPDX-License-Identifier: Apache-2.0
"""What alembic runs; :func:`fault_middleware.migration.sync` calls alembic."""

from alembic import context

from fault_middleware import migration, models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.metadata,
    version_table=migration.VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
