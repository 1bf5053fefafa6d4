"""A share whose cell is gone: what its bucket holds is deleted to the last version, and only then a cell gets it again.

Killed anywhere it goes on where it was: the slot's state says what was proven (I6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cellctl.errors import GuardError, Objection, UsageError
from cellctl.plan import Result
from cellctl.run import registering, serving
from cellctl.run.ledger import running
from cellctl.run.options import ignore_event
from cellctl.run.target import REEF, of_stack

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.registry.database import Database
    from cellctl.registry.serving import Slot
    from cellctl.run.options import Interrupter, OnEvent, RunOptions

STATES = ("quarantined", "scrubbing", "verifying")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scrub:
    """What would be deleted for good: `objects` counts versions, delete markers and unfinished uploads."""

    gateway: str
    share: str
    bucket: str
    region: str
    objects: int


AskScrub: TypeAlias = Callable[[Scrub], bool]


def scrub(
    home: Home,
    gateway: str,
    share: str,
    ask: AskScrub,
    *,
    options: RunOptions,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Result:
    """Delete all that a quarantined share's bucket holds, if `ask` says yes, and give the share back.

    Returns `succeeded`, or `nothing` where the answer was no.

    Raises:
        UsageError: There is no such gateway or share.
        GuardError: A cell has the share, or it is not quarantined (code `not_quarantined`); something is left in the
            bucket after all (`not_empty`).
        EngineError: The bucket cannot be listed or emptied.
        Locked: The reef is being changed.
    """
    (found,) = serving.status(home, gateway)
    _slot(found.view.slots, gateway, share)
    target = of_stack(home, f"{REEF}{found.view.reef}", options)
    with running("scrub", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        session.begin("scrub")
        (found,) = serving.status(home, gateway)  # under the lease: nobody gives it to a cell, or takes it away
        slot = _slot(found.view.slots, gateway, share)
        region = found.view.region
        count = session.scrub(region, slot.bucket)
        wanted = Scrub(gateway=gateway, share=share, bucket=slot.bucket, region=region, objects=count)
        if not ask(wanted):
            ledger.close(ledger.outcome("nothing"))
            return "nothing"
        with registering.opened(home) as database:
            _through(database, slot, "scrubbing")
            left = session.scrub(region, slot.bucket, slot.arn)
            _through(database, slot, "verifying")
            _proven(database, slot, left)
        ledger.close(ledger.outcome("succeeded"))
    return "succeeded"


def _slot(slots: tuple[Slot, ...], gateway: str, share: str) -> Slot:
    slot = next((one for one in slots if one.share == share), None)
    if slot is None:
        hint = f"cellctl gateway status {gateway} lists them"
        raise UsageError(f"gateway '{gateway}' has no share '{share}'", hint=hint, code="no_share")
    if slot.cell or slot.state not in STATES:
        whose = f"is cell {slot.cell}'s" if slot.cell else f"is {slot.state}"
        remedy = "only what a cell has left is scrubbed: `cellctl down CELL --delete-data` leaves it"
        raise GuardError([
            Objection(code="not_quarantined", reason=f"share '{share}' of gateway '{gateway}' {whose}", remedy=remedy)
        ])  # fmt: skip
    return slot


def _through(database: Database, slot: Slot, state: str) -> None:
    from cellctl.registry import stock

    stock.move(database, "share_slot", slot.id, state)


def _proven(database: Database, slot: Slot, left: int) -> None:
    from cellctl.registry import stock

    stock.scrubbed(database, slot.id, remaining=left)
    if left:
        reason = f"bucket {slot.bucket} still holds {left} versions, markers or uploads"
        remedy = "somebody writes there, or a rule keeps them: run it again"
        raise GuardError([Objection(code="not_empty", reason=reason, remedy=remedy)])
    stock.move(database, "share_slot", slot.id, "available")
