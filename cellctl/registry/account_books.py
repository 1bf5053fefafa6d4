"""Accounts in the registry: each in which a run began. While the base of one is taken away nobody begins there.

The states of an account's stacks are in the base's bucket, sealed with its key: who takes the base away must see every
stack, also those of other homes, and of runs that have only just begun. Both sides lock the account's row first.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, Row, select

from cellctl.errors import GuardError, Objection
from cellctl.listing import some
from cellctl.registry.database import Conflict, Database, insert_new
from cellctl.registry.reefs import stacks_of
from cellctl.registry.rows import change, tell
from cellctl.registry.tables import accounts, operations


def came(connection: Connection, now: float, account: str, cloud: str, *, makes: bool) -> None:
    """Note that a run begins in an account; `makes`: it may make something there.

    Raises:
        GuardError: The account's base is being taken away (code `account_going`).
    """
    row = _locked(connection, now, account, cloud)
    if makes and row.state == "decommissioning":
        raise GuardError([
            Objection(
                code="account_going",
                reason=f"the base of account {row.name or account} is being taken away, and every state is in it",
                remedy="`cellctl account up` brings it back; then run this again",
            )
        ])  # fmt: skip


def withdraw(database: Database, account: str, cloud: str, name: str) -> None:
    """Let nobody begin in an account whose base is to go.

    Raises:
        GuardError: Cells or reefs are there, or are about to be made (code `account_in_use`).
    """

    def work(connection: Connection) -> None:
        now = database.now(connection)
        row = _locked(connection, now, account, cloud)
        refuse_in_use(name, in_use(connection, account))
        _set(connection, now, row, name, "decommissioning")

    database.write(work)


def in_use(connection: Connection, account: str) -> set[str]:
    """Return the cells and reefs of an account of which something is there or being made, of whichever home."""
    query = select(operations.c.target_kind, operations.c.target).where(
        operations.c.account == account, operations.c.ended.is_(None), operations.c.target_kind.in_(("cell", "reef"))
    )
    running = {row.target if row.target_kind == "cell" else f"reef/{row.target}" for row in connection.execute(query)}
    return {*stacks_of(connection, account), *running}


def refuse_in_use(name: str, found: set[str]) -> None:
    """Raise GuardError if an account has stacks."""
    if not found:
        return
    raise GuardError([
        Objection(
            code="account_in_use",
            reason=f"account '{name}' has {len(found)} stack{'s' if len(found) > 1 else ''}: {some(sorted(found), 5)}",
            remedy="take them down first: `cellctl down CELL`, then `cellctl reef down REEF`",
        )
    ])  # fmt: skip


def ended(database: Database, account: str, cloud: str, name: str, state: str) -> None:
    """Record what became of an account's base: `in_service`, or `purged`."""

    def work(connection: Connection) -> None:
        now = database.now(connection)
        _set(connection, now, _locked(connection, now, account, cloud), name, state)

    database.write(work)


def _set(connection: Connection, now: float, row: Row[tuple[object, ...]], name: str, state: str) -> None:
    if (row.name, row.state) == (name, state):
        return
    values = {"name": name, "state": state, "state_since": now}
    change(connection, accounts, int(row.id), int(row.version), values)
    tell(connection, now, (str(row.account), "account", name), state)


def _locked(connection: Connection, now: float, account: str, cloud: str) -> Row[tuple[object, ...]]:
    """Return the row of an account, made where there is none; nobody else has it before this transaction ends."""
    with suppress(Conflict):
        row = {"account": account, "cloud": cloud, "state": "seen", "state_since": now}
        insert_new(connection, accounts, row)
    mine = (accounts.c.account == account) & (accounts.c.cloud == cloud)
    return connection.execute(select(accounts).where(mine).with_for_update()).one()
