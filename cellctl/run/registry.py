"""The registry against the states of a home: what differs, and how the registry is filled anew from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError
from cellctl.registry import books, journal
from cellctl.registry.invariants import Violation
from cellctl.registry.recording import Difference
from cellctl.run import registering
from cellctl.run.options import RunOptions
from cellctl.run.reef_survey import reef_survey
from cellctl.run.status import load
from cellctl.run.survey import survey
from cellctl.run.target import REEF, of_stack

if TYPE_CHECKING:
    from cellctl.home import Account, Home
    from cellctl.registry.books import AnySurvey
    from cellctl.registry.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a check found, or a rebuild mended.

    `registry`: where it is. `cells`: how many states were compared. `skipped`: cells that were left out, each with why.
    `unproven`: how many shares of a gateway no cell has and none gets, because nobody has seen that they hold nothing.
    """

    registry: str
    cells: int
    violations: tuple[Violation, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    unproven: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What the states of a home say. `gone`: (account, cell) of cells that the registry has and no state."""

    surveys: tuple[AnySurvey, ...]
    gone: tuple[tuple[str, str], ...]
    skipped: Mapping[str, str]


def check(home: Home, *, options: RunOptions | None = None) -> Report:
    """Return each invariant that is broken and each row that says something else than the state; changes nothing.

    Raises:
        RegistryError: The registry cannot be reached.
    """
    if not home.private.exists():
        return Report(registry=str(home.registry_file), cells=0)  # nothing was ever done here, and a look makes nothing
    chosen = options or RunOptions()
    with registering.opened(home) as database:
        seen = _seen(home, database, chosen)
        broken = [*books.violations(database), *_unsaid(home, database, chosen)]
        broken += map(_violation, books.compared(database, seen.surveys, seen.gone))
        return _report(database, seen, broken)


def rebuild(home: Home, *, options: RunOptions | None = None) -> Report:
    """Fill the registry anew from the states of this home; `violations` are what that mended.

    Operations, events, leases and incarnations stay: no state knows them. One transaction.

    Raises:
        RegistryError: The registry cannot be reached.
    """
    with registering.opened(home) as database:
        seen = _seen(home, database, options or RunOptions())
        sandbox = registering.account_key(home, home.account("sandbox"))
        mended = books.refilled(database, seen.surveys, seen.gone, account=sandbox)
        return _report(database, seen, map(_violation, mended), unproven=_unproven(home, database))


def _seen(home: Home, database: Database, options: RunOptions) -> _Seen:
    surveys: list[AnySurvey] = []
    skipped: dict[str, str] = {}
    reefs = [f"{REEF}{name}" for name in home.reef_names()]  # first: cells have their places there
    for name in (*reefs, *sorted({*home.stack_names(), *home.cell_names()})):
        try:
            found = _survey(home, name, database, options)
        except CellctlError as error:
            skipped[name] = error.summary
            continue
        if isinstance(found, str):
            skipped[name] = found
        elif found is not None:
            surveys.append(found)
    return _Seen(surveys=tuple(surveys), gone=tuple(_gone(home, database, surveys, skipped, options)), skipped=skipped)


def _survey(home: Home, name: str, database: Database, options: RunOptions) -> AnySurvey | str | None:
    """Return what the state of a cell or reef has; why it is left out; None where it has no state."""
    loaded = load(home, name, options)
    if loaded is None or not loaded.checkpoint.resources:
        return None
    target = of_stack(home, name, options)
    environment = options.environment
    lease = registering.leases_of(home, target.account, database, environment=environment).current(name)
    if lease is not None:
        return f"is being changed by {lease.holder.words()}"
    account = registering.account_key(home, target.account)
    if target.level == "reef":
        return reef_survey(target, account, loaded.checkpoint, whole=not loaded.checkpoint.pending)
    return survey(target, account, loaded.checkpoint)


def _gone(
    home: Home,
    database: Database,
    surveys: Iterable[AnySurvey],
    skipped: dict[str, str],
    options: RunOptions,
) -> Iterable[tuple[str, str]]:
    """Yield cells that the registry has and that no state has; those that another home may have are left out."""
    there = {(found.key.account, found.key.name) for found in surveys if found.key.kind == "cell"}
    known = {record.name for record in home.known_cells()}
    for account in _accounts(home):
        key = registering.account_key(home, account)
        leases = registering.leases_of(home, account, database, environment=options.environment)
        for name, state in books.recorded(database, key).items():
            if (key, name) in there or name in skipped or state in ("purged", "requested"):
                continue
            if not account.simulated and name not in known:
                skipped[name] = "has no state here: it is another home's"
            elif leases.current(name) is None:
                yield key, name


def _unsaid(home: Home, database: Database, options: RunOptions) -> list[Violation]:
    """Return operations that run and whose lease nobody holds (I10)."""
    found = []
    for account in _accounts(home):
        leases = registering.leases_of(home, account, database, environment=options.environment)
        for cell, operation in journal.running(database, registering.account_key(home, account)):
            if leases.current(cell) is None:
                message = f"operation {operation} ended without a word"
                remedy = f"{_again(cell)} looks up what it left and goes on"
                found.append(Violation(invariant="I10", subject=_subject(cell), message=message, remedy=remedy))
    return found


def _unproven(home: Home, database: Database) -> dict[str, int]:
    from cellctl.registry import serving

    with database.read() as connection:
        keys = [registering.account_key(home, account) for account in _accounts(home)]
        found = [view for key in keys for view in serving.listed(connection, key)]
    return {view.name: len(view.unproven) for view in found if view.unproven}


def _accounts(home: Home) -> list[Account]:
    return [home.account("sandbox"), *home.settings.accounts.values()]


def _violation(difference: Difference) -> Violation:
    message = str(difference).removeprefix("cell ")
    remedy = "cellctl registry rebuild"
    return Violation(invariant="state", subject=_subject(difference.cell), message=message, remedy=remedy)


def _subject(name: str) -> str:
    return name.replace("/", " ") if "/" in name else f"cell {name}"


def _again(name: str) -> str:
    return f"cellctl reef up {name.removeprefix(REEF)}" if "/" in name else f"cellctl up {name}"


def _report(
    database: Database, seen: _Seen, violations: Iterable[Violation], *, unproven: Mapping[str, int] | None = None
) -> Report:
    return Report(
        registry=database.where,
        cells=sum(one.key.kind == "cell" for one in seen.surveys),
        violations=tuple(violations),
        skipped=dict(seen.skipped),
        unproven=unproven or {},
    )
