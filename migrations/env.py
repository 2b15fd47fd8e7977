"""Alembic's entry point: migrates on the connection of ``socialsim.warehouse.schema.migrate``."""

from alembic import context

from socialsim.warehouse.schema.tables import metadata

if context.is_offline_mode():
    raise SystemExit("offline mode is not supported: the tables' DDL for readers is in docs/schema/")

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=context.config.attributes["transactional_ddl"],
)
with context.begin_transaction():
    context.run_migrations()
