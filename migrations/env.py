"""Alembic's entry: migrates the database whose URL storage.migration hands over."""

from alembic import context
from sqlalchemy import create_engine, pool

from models.tables.metadata import METADATA


def run_migrations() -> None:
    """Run inside one transaction, under a lock so that two starts do not migrate at once."""
    url = context.config.get_main_option("sqlalchemy.url")
    assert url, "call storage.migration.upgrade(database_url)"
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_lock(hashtext('keydesk-migration'))")
        context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run_migrations()
