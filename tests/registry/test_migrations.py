"""Tables of the registry: up, down, equal to the model, made by one of many at once, refused when they are newer."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from cellctl.errors import RegistryError, UsageError
from cellctl.registry.database import Database, InvariantBroken
from cellctl.registry.migrating import MIGRATIONS, downgrade, known, migrate, upgrade, version
from cellctl.registry.tables import HEAD, metadata


def described(connection: Connection) -> dict[str, object]:
    """Return everything a database says of its tables, in an order of ours."""
    look = inspect(connection)
    return {name: _table(look, name) for name in look.get_table_names() if name != "alembic_version"}


def _table(look, name: str) -> dict[str, object]:
    columns = [
        (column["name"], str(column["type"]), column["nullable"], str(column["default"]).strip("()"))
        for column in look.get_columns(name)
    ]
    checks = {(check["name"], check["sqltext"]) for check in look.get_check_constraints(name)}
    uniques = {(unique["name"], tuple(unique["column_names"])) for unique in look.get_unique_constraints(name)}
    keys = {
        (key["name"], tuple(key["constrained_columns"]), key["referred_table"], tuple(key["referred_columns"]))
        for key in look.get_foreign_keys(name)
    }
    indexes = {_index(index) for index in look.get_indexes(name) if not index.get("duplicates_constraint")}
    primary = tuple(look.get_pk_constraint(name)["constrained_columns"])
    return {"columns": columns, "checks": checks, "uniques": uniques, "keys": keys, "indexes": indexes, "pk": primary}


def _index(index: ReflectedIndex) -> tuple[object, ...]:
    options = index.get("dialect_options", {})
    where = str(options.get("sqlite_where", options.get("postgresql_where", "")))
    return index["name"], tuple(index["column_names"]), bool(index["unique"]), where


def test_the_migrations_make_what_the_model_says(empty_url: str) -> None:
    database = Database(empty_url)
    upgrade(database)
    with database.read() as connection:
        migrated = described(connection)
        assert version(connection) == HEAD
    downgrade(database)
    with database.read() as connection:
        assert described(connection) == {}
        assert version(connection) == ""
    assert migrate(database)
    with database.read() as connection:
        modelled = described(connection)
    database.close()
    assert set(migrated) == set(modelled) == set(metadata.tables)
    for name, table in modelled.items():
        assert migrated[name] == table, name
        assert table["columns"]
    assert any(table["checks"] for table in modelled.values())


def test_each_migration_goes_down_and_up_again(empty_url: str) -> None:
    database = Database(empty_url)
    migrate(database)
    with database.read() as connection:
        whole = described(connection)
    for revision in reversed(known()[:-1]):
        downgrade(database, revision)
        with database.read() as connection:
            assert version(connection) == revision
        assert migrate(database)
        with database.read() as connection:
            assert described(connection) == whole
        assert not migrate(database)
    database.close()


def test_the_last_migration_is_the_head() -> None:
    assert known()[-1] == HEAD
    assert len(known()) == len(list((MIGRATIONS / "versions").glob("*.py")))


def test_many_at_once_make_the_tables_once(empty_url: str) -> None:
    together = threading.Barrier(6)

    def first(_: int) -> bool:
        database = Database(empty_url)
        together.wait()
        migrate(database)
        with database.read() as connection:
            done = version(connection) == HEAD
        database.close()
        return done

    with ThreadPoolExecutor(6) as crowd:
        assert all(crowd.map(first, range(6)))


def test_a_new_file_that_another_is_writing_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses the switch to a written-ahead file at once there, whatever its timeout."""
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        later = threading.Timer(0.2, other.execute, ("COMMIT",))
        later.start()
        assert migrate(Database(path))
        later.join()


def test_a_file_that_stays_busy_is_one_sentence_to_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cellctl.registry.database._BUSY_S", 0.05)
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="stays busy") as caught, Database(path).read():
            pass
    assert caught.value.code == "registry_busy"


def test_tables_of_a_newer_cellctl_are_left_alone(database: Database) -> None:
    database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(RegistryError, match="version 9999") as caught:
        migrate(database)
    assert caught.value.code == "registry_newer"
    assert caught.value.hint


@pytest.mark.parametrize("made", [migrate, upgrade], ids=["model", "migrations"])
def test_events_only_grow(empty_url: str, made: Callable[[Database], object]) -> None:
    database = Database(empty_url)
    made(database)
    insert = "INSERT INTO events (at, account, target_kind, target, kind) VALUES (1, 'a', 'cell', 'acme', 'up')"
    database.write(lambda connection: connection.execute(text(insert)))
    for change in ("UPDATE events SET kind = 'down'", "DELETE FROM events"):
        with pytest.raises(InvariantBroken, match="events_only_grow"):
            database.write(lambda connection, change=change: connection.execute(text(change)))
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar() == 1
    database.close()


def test_a_password_is_in_no_message() -> None:
    database = Database("postgresql+psycopg://me:swordfish@127.0.0.1:1/x")
    with pytest.raises(RegistryError) as caught:
        migrate(database)
    assert caught.value.code == "registry_unreachable"
    for said in (str(caught.value), caught.value.hint, database.where):
        assert "swordfish" not in said
    assert "127.0.0.1:1/x" in str(caught.value)


@pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def test_nobody_waits_for_a_server_that_fell_silent(url: str) -> None:
    database = Database(url, silent_s=0.3)
    with database.read() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    os.kill(backend, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(RegistryError) as caught:
            database.write(lambda connection: connection.execute(text("SELECT 1")))
    finally:
        os.kill(backend, signal.SIGCONT)
    assert caught.value.code == "registry_unreachable"
    assert time.monotonic() - began < 10  # without us it would be for ever
    with database.read() as connection:  # many answers that take long together are no silence
        for _ in range(5):
            connection.execute(text("SELECT pg_sleep(0.1)"))
    database.close()


@pytest.mark.parametrize("wrong", ["", "no url", "oracle9://x/y"])
def test_what_is_no_url_is_one_sentence(wrong: str) -> None:
    with pytest.raises(UsageError):
        Database(wrong)
