"""Bringing a database to the newest schema, and telling whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def config(database_url: str) -> Config:
    """Alembic's configuration for one database; there is no alembic.ini."""
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return configuration


def upgrade(database_url: str) -> None:
    """Run every migration that is missing; a second run does nothing."""
    command.upgrade(config(database_url), "head")


def is_current(database_url: str) -> bool:
    """Whether the schema is the newest one this code knows."""
    engine = create_engine(database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        return is_current_on(connection)


def is_current_on(connection: Connection) -> bool:
    """The same, asked on a connection that is there already."""
    return MigrationContext.configure(connection).get_current_revision() == _newest()


@cache
def _newest() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()
