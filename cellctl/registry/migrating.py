"""Bring a registry's tables to this cellctl's version, or away from it. Alembic is loaded only where there is work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, inspect, text

from cellctl.errors import RegistryError
from cellctl.registry.tables import HEAD, metadata

if TYPE_CHECKING:
    from alembic.config import Config

    from cellctl.registry.database import Database

_VERSION = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))
MIGRATIONS = Path(__file__).parent / "migrations"
_SQLITE_ONLY_GROW = (
    "CREATE TRIGGER events_no_{0} BEFORE {0} ON events"
    " BEGIN SELECT RAISE(ABORT, 'constraint failed: events_only_grow'); END"
)
_ONLY_GROW = {
    "sqlite": [_SQLITE_ONLY_GROW.format(verb) for verb in ("update", "delete")],
    "postgresql": [
        "CREATE FUNCTION events_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'events only grow' USING ERRCODE = 'check_violation', CONSTRAINT = 'events_only_grow';"
        " END $$",
        "CREATE TRIGGER events_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON events"
        " FOR EACH STATEMENT EXECUTE FUNCTION events_only_grow()",
    ],
}
_LOCK = 0x63656C6C  # of PostgreSQL's advisory locks: one migration at a time


def migrate(database: Database) -> bool:
    """Bring the tables to the version of this cellctl; tell whether there was anything to do.

    An empty database gets the tables of the model, to which all migrations lead (a test compares them). One
    transaction: whoever dies in it leaves the registry as it was.

    Raises:
        RegistryError: A newer cellctl made this registry, or it cannot be reached.
    """
    with database.read() as connection:
        found = version(connection)
    if found == HEAD:
        return False
    database.write(_up if not database.postgresql else _up_alone)
    return True


def upgrade(database: Database) -> None:
    """Run every migration that is missing, from the first one on."""
    database.write(lambda connection: _run(connection, HEAD, up=True))


def downgrade(database: Database, revision: str = "base") -> None:
    """Take the tables back to an earlier version; with `base` nothing of the registry is left."""
    database.write(lambda connection: _run(connection, revision, up=False))


def version(connection: Connection) -> str:
    """Return the version of the tables, `` where there are none.

    Raises:
        RegistryError: This cellctl does not know the version.
    """
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")
    if found and found not in known():
        raise RegistryError(
            f"the registry has tables of version {found}, and this cellctl knows versions up to {HEAD}",
            hint="use the cellctl that made it, or a newer one",
            code="registry_newer",
        )
    return found


def known() -> tuple[str, ...]:
    """Return every version of the tables, oldest first."""
    files = sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
    return tuple(match[0] for file in files if (match := re.match(r"[0-9]{4}", file.name)))


def _up_alone(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    _up(connection)


def _up(connection: Connection) -> None:
    found = version(connection)
    if not found:
        metadata.create_all(connection, checkfirst=False)
        for statement in _ONLY_GROW[connection.dialect.name]:
            connection.exec_driver_sql(statement)
        _VERSION.create(connection, checkfirst=True)
        connection.execute(insert(_VERSION).values(version_num=HEAD))
    elif found != HEAD:
        _run(connection, HEAD, up=True)


def _run(connection: Connection, revision: str, *, up: bool) -> None:
    from alembic import command

    (command.upgrade if up else command.downgrade)(_config(connection), revision)


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
