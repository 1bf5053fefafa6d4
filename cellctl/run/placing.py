"""Cells on reefs: a place is claimed before an `up` begins, bound before anything holds data, left when it is gone.

A preview claims nothing: it shows the place that an `up` would get now. Without a registry it shows the frozen one.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.errors import GuardError, Objection, RegistryError
from cellctl.facts.conditions import at
from cellctl.run import registering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cellctl.home import Home
    from cellctl.placement import Refusal, Request
    from cellctl.registry.database import Database
    from cellctl.run.session import Session
    from cellctl.run.target import Target
    from cellctl.state.values import Value


def placed(target: Target, operation: str, database: Database | None) -> Target:
    """Return the target with its place on its reef, where it has or needs one.

    Raises:
        GuardError: There is no place for it (code `no_place`), the reef that is to go has cells (`reef_in_use`), or the
            account that is to go has stacks (`account_in_use`).
        RegistryError: The registry cannot be reached, and the place is needed.
    """
    if target.level == "reef" and operation == "down" and database is not None:
        _refuse_in_use(target, database)
    if target.level == "account" and operation == "down" and database is not None:
        _refuse_with_stacks(target, database)
    if not target.reef or operation not in ("up", "preview"):
        return target
    return _foreseen(target) if database is None else _claimed(target, database)


def bind(session: Session) -> None:
    """Make the place of a cell on a reef its own: from now on it may hold its data.

    Raises:
        ClaimLost: The reservation ran out while somebody thought about the plan.
    """
    target = session.target
    if target.level != "cell" or not target.reef:
        return
    from cellctl.registry import claims, places

    with registering.opened(target.home) as database:
        found = places.claimed(database, _request(target))
        if not isinstance(found, tuple) or _plain(found[1]) != target.place:
            raise claims.ClaimLost(f"the place of cell '{target.name}' was given to another", hint="run it again")
        claims.confirm(database, found[0], database_name=str(target.place["database"]))


def withdraw(session: Session) -> None:
    """Let a reef that is to go take no more cells, and an account no more stacks.

    Raises:
        GuardError: Cells have a place on it, or stacks are in it.
    """
    target = session.target
    if target.level == "cell":
        return
    from cellctl.registry import account_books, reefs

    account, name = registering.account_key(target.home, target.account), target.name.rpartition("/")[2]
    with registering.opened(target.home) as database:
        if target.level == "reef":
            reefs.withdraw(database, account, name)
        else:
            account_books.withdraw(database, account, target.cloud, name)


def _refuse_in_use(target: Target, database: Database) -> None:
    from cellctl.registry import reefs

    account, name = registering.account_key(target.home, target.account), target.name.rpartition("/")[2]
    with database.read() as connection:
        reefs.refuse_in_use(name, reefs.cells_of(connection, account, name))


def _refuse_with_stacks(target: Target, database: Database) -> None:
    """Refuse while the registry, or this home's own state, has a cell or a reef in the account.

    The states of an account's stacks are in its bucket and sealed with its key: without them nobody changes them again.
    """
    from cellctl.registry import account_books
    from cellctl.run.target import REEF, record_of

    home, account = target.home, target.account.name
    with database.read() as connection:
        found = account_books.in_use(connection, registering.account_key(home, target.account))
    here = [*home.stack_names(), *(f"{REEF}{name}" for name in home.reef_names())]
    found |= {name for name in here if record_of(home, name).get("account") == account and _stands(home, name)}
    account_books.refuse_in_use(account, found)


def _stands(home: Home, name: str) -> bool:
    """Tell whether a stack of this home's own state has anything."""
    from cellctl.run.options import RunOptions
    from cellctl.run.status import load

    loaded = load(home, name, RunOptions())
    return loaded is not None and bool(loaded.checkpoint.resources)


def _claimed(target: Target, database: Database) -> Target:
    from cellctl.registry import places

    found = places.claimed(database, _request(target))
    if not isinstance(found, tuple):
        raise _no_place(target, found)
    return replace(target, place=_plain(found[1]))


def _foreseen(target: Target) -> Target:
    from cellctl.registry import places
    from cellctl.run.survey import cell_key

    key = cell_key(target, registering.account_key(target.home, target.account))
    try:
        with registering.opened(target.home) as database:
            found = places.foreseen(database, key, _request(target))
    except RegistryError as error:
        if not target.place:
            raise
        unasked = f"{error.summary}; the place is the one that the cell was given last"
        return replace(target, advice=(*target.advice, unasked))
    if not isinstance(found, dict):
        raise _no_place(target, found)
    return replace(target, place=_plain(found))


def _request(target: Target) -> Request:
    from cellctl.placement import Request
    from cellctl.run.survey import accounts_apart, shares_apart

    return Request(
        cell=target.name,
        account=registering.account_key(target.home, target.account),
        cloud=target.cloud,
        region=target.region,
        protocol=str(at(target.spec, "spec.storage.protocol") or ""),
        reef=target.reef,
        shares=1 + shares_apart(target.spec),
        tier=str(at(target.spec, "metadata.labels.tier") or at(target.spec, "spec.preset") or ""),
        today=datetime.datetime.now(datetime.UTC).date().isoformat(),
        accounts_apart=accounts_apart(target.spec),
    )


def _no_place(target: Target, refusal: Refusal) -> GuardError:
    remedies = {
        "reef": f"cellctl reef up {target.reef}, or name another reef",
        "quota": "ask the cloud for more, or place the cell elsewhere",
    }
    return GuardError([
        Objection(
            code="no_place",
            reason=shortage.reason,
            remedy=remedies.get(shortage.constraint, f"cellctl reef expand {target.reef}, or name another reef"),
        )
        for shortage in refusal.shortages
    ])  # fmt: skip


def _plain(place: Mapping[str, object]) -> dict[str, Value]:
    """Return a place as it comes back from a state: equal places compare equal."""
    plain: dict[str, Value] = json.loads(json.dumps(place))
    return plain
