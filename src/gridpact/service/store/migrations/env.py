"""Run by Alembic. The connection is the store's own: there is nothing to configure."""

from alembic import context

from gridpact.service.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
