"""Alembic's environment: runs the versions in one transaction, on the connection that `Warehouse.migrate` hands in."""

from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS commerce")
context.configure(connection=connection, version_table_schema="commerce", transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
