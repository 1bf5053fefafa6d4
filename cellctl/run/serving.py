"""Gateways into service: their gates are tried, and only where all hold does one go into service.

`up` of a reef tries those of its new gateways. Later somebody tries them again, or lets a gateway in that waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cellctl.errors import GuardError, Objection, UsageError
from cellctl.facts.conditions import at
from cellctl.plan import Failure, Outcome
from cellctl.run import registering
from cellctl.run.ledger import running
from cellctl.run.options import ignore_event
from cellctl.run.target import REEF, of_stack, outputs_of

if TYPE_CHECKING:
    from cellctl.gates import Gate, Judged
    from cellctl.home import Account, Home
    from cellctl.registry.database import Database
    from cellctl.registry.serving import GatewayView
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.session import Session
    from cellctl.state.values import Struct, Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A gateway of a home: what the registry has of it, and the account that it is in."""

    account: str
    view: GatewayView


def status(home: Home, name: str = "") -> list[Found]:
    """Return what the registry knows of every gateway of a home, or of one.

    Raises:
        UsageError: There is no gateway of that name.
        RegistryError: The registry cannot be reached.
    """
    if not home.private.exists():
        if name:
            raise _unknown(name)
        return []
    from cellctl.registry import serving

    with registering.opened(home) as database, database.read() as connection:
        found = [
            Found(account=account.name, view=view)
            for account in _accounts(home)
            for view in serving.listed(connection, registering.account_key(home, account))
            if name in ("", view.name)
        ]
    if name and not found:
        raise _unknown(name)
    return found


def probe(
    home: Home,
    name: str,
    *,
    options: RunOptions,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
    serve: bool = False,
) -> Judged:
    """Try the gates of a reef's gateway and record what was found; with `serve` it goes into service if all hold.

    A quarantined share that admits nobody, and whose bucket was counted empty while the cache was in S3, is free then.

    Raises:
        UsageError: There is no such gateway, or it is a dedicated cell's.
        EngineError: Its stack cannot be read.
        Locked: Its reef is being changed.
    """
    from cellctl.registry import serving

    (found,) = status(home, name)
    if found.view.dedicated:
        hint = f"cellctl up {found.view.reef} verifies it with its cell"
        raise UsageError(f"gateway '{name}' is of one cell alone", hint=hint, code="dedicated_gateway")
    target = of_stack(home, f"{REEF}{found.view.reef}", options)
    with running("gates", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        session.begin("gates")
        loaded = session.load()
        row = _rows(outputs_of(loaded.checkpoint) if loaded else {}).get(name)
        if row is None:
            hint = f"cellctl reef up {found.view.reef}"
            raise UsageError(f"the reef's stack says nothing of gateway '{name}'", hint=hint, code="no_gateway")
        with registering.opened(home) as database:
            account = registering.account_key(home, target.account)
            with serving.probing(database, account, name) as share:
                (judged,) = session.gates([{**row, "probe": share, "unproven": [*found.view.unproven]}])
        judged = replace(judged, serve=serve)
        outcome = replace(ledger.outcome("succeeded"), gates=(judged,), checks=_good((judged,)))
        ledger.close(outcome if judged.passed else _failed(outcome))
    return judged


def into_service(
    home: Home,
    name: str,
    *,
    options: RunOptions,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> bool:
    """Bring a gateway into service if its gates hold; tell whether that changed anything.

    Raises:
        GuardError: A gate is shut (code `gate_shut`), or it is not ready (`registry_state`).
        UsageError, EngineError, Locked: As `probe`.
    """
    from cellctl.registry import serving

    (before,) = status(home, name)
    if before.view.state == "in_service":
        return False
    if before.view.state not in serving.WAITING:
        reason = f"gateway '{name}' is {before.view.state.replace('_', ' ')}"
        remedy = f"cellctl reef up {before.view.reef} completes it"
        raise GuardError([Objection(code="registry_state", reason=reason, remedy=remedy)])
    judged = probe(home, name, options=options, on_event=on_event, interrupter=interrupter, serve=True)
    if not judged.passed:
        raise GuardError([_objection(name, gate) for gate in judged.shut])
    (after,) = status(home, name)
    if after.view.state != "in_service":
        reason = f"gateway '{name}' became {after.view.state.replace('_', ' ')} meanwhile"
        raise GuardError([Objection(code="registry_state", reason=reason, remedy="look at it, then try again")])
    return True


def cordon(home: Home, name: str, *, on: bool) -> str:
    """Let a gateway take no new cells, or take them again; what is on it stays. Return its state then.

    Raises:
        UsageError: There is no such gateway.
    """
    from cellctl.registry import reefs

    (found,) = status(home, name)
    account = registering.account_key(home, home.account(found.account))
    with registering.opened(home) as database:
        return reefs.set_cordon(database, account, found.view.reef, name, on=on)


def tried(session: Session, outcome: Outcome) -> Outcome:
    """Return the Outcome of a reef's `up` with the gates of gateways that never were in service."""
    target = session.target
    if target.level != "reef" or outcome.failures or outcome.result not in ("succeeded", "nothing"):
        return outcome
    with registering.opened(target.home) as database, ExitStack() as held:
        account = registering.account_key(target.home, target.account)
        rows = [held.enter_context(_with_share(database, account, row)) for row in _new(database, account, outcome)]
        if not rows:
            return outcome
        session.begin("gates")
        found = session.gates(rows)
    automatic = at(target.spec, "spec.storage.intoService") != "manual"
    found = tuple(replace(one, serve=automatic) for one in found)
    for one in found if not automatic else ():
        session.say(f"gateway {one.gateway} waits: cellctl gateway into-service {one.gateway}", "info")
    outcome = replace(outcome, gates=found, checks=(*outcome.checks, *_good(found)))
    return outcome if all(one.passed for one in found) else _failed(outcome)


def _new(database: Database, account: str, outcome: Outcome) -> list[Struct]:
    from cellctl.registry import serving, states

    with database.read() as connection:
        found = serving.states_of(connection, account, outcome.cell.rpartition("/")[2])
    new = ("probing", "retired", *states.BUILDING)
    return [row for name, row in _rows(outcome.outputs).items() if found.get(name, "planned") in new]


@contextmanager
def _with_share(database: Database, account: str, row: Struct) -> Iterator[Struct]:
    """Yield a row with the share to try; where the registry has seen none, those that a look proves empty will do."""
    from cellctl.registry import serving

    name = str(row.get("name"))
    try:
        with database.read() as connection:
            view = serving.named(connection, account, name)
        with serving.probing(database, account, name) as share:
            yield {**row, "probe": share, "unproven": [*(view.unproven if view.slots else _all(row))]}
    except UsageError as error:
        if error.code != "no_gateway":
            raise
        yield {**row, "probe": "", "unproven": _all(row)}


def _all(row: Struct) -> list[Value]:
    shares = row.get("shares")
    return [one.get("name") for one in (shares if isinstance(shares, list) else []) if isinstance(one, dict)]


def _rows(outputs: Mapping[str, Value]) -> dict[str, Struct]:
    listed = outputs.get("gateways")
    return {str(row.get("name")): row for row in (listed if isinstance(listed, list) else []) if isinstance(row, dict)}


def _good(found: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(f"gateway {one.gateway}: {gate.message}" for one in found for gate in one.gates if gate.passed)


def _failed(outcome: Outcome) -> Outcome:
    shut = [(one.gateway, gate) for one in outcome.gates for gate in one.shut]
    failures = tuple(
        Failure(code=f"{registering.GATE}{gate.gate}", message=f"gateway {name}: {gate.message}", hint=gate.hint)
        for name, gate in shut
    )
    return replace(outcome, result="failed", failures=failures)


def _objection(name: str, gate: Gate) -> Objection:
    return Objection(code="gate_shut", reason=f"gateway '{name}': {gate.message}", remedy=gate.hint)


def _accounts(home: Home) -> list[Account]:
    return [home.account("sandbox"), *home.settings.accounts.values()]


def _unknown(name: str) -> UsageError:
    hint = "`cellctl gateway status` lists what there is; `cellctl reef up --cloud aws r1` makes a reef with one"
    return UsageError(f"there is no gateway '{name}' here", hint=hint, code="no_gateway")
