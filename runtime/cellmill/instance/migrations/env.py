"""What Alembic runs: the migrations, on the connection that `cellmill.instance.migrate` opened."""

from __future__ import annotations

from alembic import context

from cellmill.instance.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
# The caller holds the transaction, and with it the lock against a second migration.
context.run_migrations()
