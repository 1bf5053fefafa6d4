"""What a cell that has claimed a place must know of it: resolved before its run, then frozen into its stack.

Reef, host and gateway each say their part (`place` in their rows), in the words of their cloud's layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from sqlalchemy import Connection, Row

from cellctl.errors import RegistryError
from cellctl.placement import Refusal, Request
from cellctl.registry import claims, doors, journal, own_files
from cellctl.registry.claims import Claim
from cellctl.registry.database import Database
from cellctl.registry.journal import CellKey
from cellctl.registry.rows import row_of

Place = dict[str, object]
GENERATION = 1


class _Undo(Exception):
    """Takes a foreseen claim back."""


def database_name(cell: str, generation: int = GENERATION) -> str:
    """Return what a cell's database on a shared host is called (`octo_<cell>_g<generation>`)."""
    return f"octo_{cell.replace('-', '_')}_g{generation}"


def claimed(database: Database, request: Request) -> tuple[Claim, Place] | Refusal:
    """Claim a place and return it with what is to be known of it; the same one again for a cell that has one."""

    def work(connection: Connection) -> tuple[Claim, Place] | Refusal:
        found = claims.claim_in(connection, database.now(connection), request)
        return found if isinstance(found, Refusal) else (found, place_of(connection, found))

    return database.write(work)


def foreseen(database: Database, key: CellKey, request: Request) -> Place | Refusal:
    """Return the place that a claim would give now; nothing is claimed."""
    answer: list[Place | Refusal] = []

    def work(connection: Connection) -> None:
        now = database.now(connection)
        journal.cell_row(connection, now, key, 1)
        found = claims.claim_in(connection, now, request)
        answer.append(found if isinstance(found, Refusal) else place_of(connection, found))
        raise _Undo

    with suppress(_Undo):
        database.write(work)
    return answer[-1]


def place_of(connection: Connection, claim: Claim) -> Place:
    """Return what the cell of a claim must know.

    Raises:
        RegistryError: Its reef was registered by an older cellctl.
    """
    slot = row_of(connection, "database_slot", claim.database_slot)
    share, *more = (row_of(connection, "share_slot", one) for one in claim.shares)
    gateway = row_of(connection, "gateway", share.gateway_id)
    parts = (row_of(connection, "reef", slot.reef_id), row_of(connection, "host", slot.host_id), gateway)
    if not all(isinstance(part.place, Mapping) for part in parts):
        hint = f"cellctl reef up {claim.reef}"
        raise RegistryError(f"reef '{claim.reef}' does not say what cells must know of it", hint=hint)
    place: Place = {}
    for part in parts:
        place |= part.place
    first, own = place.get("number"), gateway.kind == own_files.KIND
    place |= {} if own else _told(share)
    place |= {"apart": [_told(one) for one in more]} if more else {}
    counted = slot if own else share  # what tells the places of one reef apart
    place["number"] = (int(first) if isinstance(first, int | float) else 0) + int(counted.number) - 1
    place |= doors.place_of(connection, claim.binding)
    place["database"] = slot.database or database_name(claim.cell)
    return place


def _told(share: Row[tuple[object, ...]]) -> Place:
    return {"share": share.share_name, "share_arn": share.share_id, "bucket": share.bucket}
