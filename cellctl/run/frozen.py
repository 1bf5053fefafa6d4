"""What a cell that exists cannot become, in words that are compared: of its record, and of its file. Pure."""

from __future__ import annotations

from cellctl import guard
from cellctl.facts.conditions import at
from cellctl.run import siting
from cellctl.state.values import Struct


def recorded(record: Struct) -> dict[str, str]:
    """Return what a stack's record says of it."""
    spec = record.get("spec")
    known = spec if isinstance(spec, dict) else {}
    own = {key: str(record.get(key) or "") for key in guard.FROZEN}
    return {**own, **words(known)}


def words(spec: Struct) -> dict[str, str]:
    """Return what a spec says of where its cell is and of what it is made, `` for what its cloud has not."""
    return {"placement": _placement(spec), **_made_of(spec), **siting.words(spec)}


def _placement(spec: Struct) -> str:
    """Return where a spec puts its cell, `` where it says nothing of it."""
    found = at(spec, "spec.placement")
    return f"reef {found.get('reef')}" if isinstance(found, dict) else str(found or "")


def _made_of(spec: Struct) -> dict[str, str]:
    """Return what a spec says of server, files and balancer that never changes, `` for what its cloud has not."""
    azure = at(spec, "spec.cloud") == "azure"
    return {
        "database.edition": _edition(spec),
        "database.authentication": str(at(spec, "spec.database.authentication") or "entra") if azure else "",
        "storage.tier": str(at(spec, "spec.storage.tier") or "premium") if azure else "",
        "storage.kinds": _placed_apart(spec) if azure else _shares_apart(spec),
        "storage.snapshotDays": _snapshots(spec) if azure else "",
        "ingress.balancer": str(at(spec, "spec.ingress.balancer") or "load_balancer") if azure else "",
    }


def _snapshots(spec: Struct) -> str:
    days = at(spec, "spec.storage.snapshotDays")
    return str(int(days)) if isinstance(days, int | float) else ""


def _placed_apart(spec: Struct) -> str:
    """Return in which storage accounts a spec places its kinds of files."""
    kinds, tier = at(spec, "spec.storage.kinds"), at(spec, "spec.storage.tier") or "premium"
    placed = {
        kind: f"{account} ({at(one, 'tier') or tier})"
        for kind, one in (kinds.items() if isinstance(kinds, dict) else ())
        if (account := at(one, "storageAccount"))
    }
    return ", ".join(f"{kind} in {place}" for kind, place in sorted(placed.items())) or "all in one account"


def _shares_apart(spec: Struct) -> str:
    """Return on which shares of its reef a spec places its kinds of files, `` of a dedicated cell."""
    if not isinstance(at(spec, "spec.placement"), dict):
        return ""
    kinds = at(spec, "spec.storage.kinds")
    found = {kind: at(one, "share") for kind, one in (kinds.items() if isinstance(kinds, dict) else ())}
    placed = {kind: share for kind, share in found.items() if share}
    return ", ".join(f"{kind} on {share}" for kind, share in sorted(placed.items())) or "all on one share"


def _edition(spec: Struct) -> str:
    """Return the edition of the server that is a stack's own, `` of a cell on a reef and of older files."""
    return "" if isinstance(at(spec, "spec.placement"), dict) else str(at(spec, "spec.database.edition") or "")
