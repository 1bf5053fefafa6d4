"""Whether what would be lost could be had again: judged on what was just read of the cloud (`cellctl.facts.proofs`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cellctl import facts
from cellctl.facts.conditions import at
from cellctl.facts.proofs import Proof, proofs
from cellctl.guard.case import Case
from cellctl.plan import Change, Plan
from cellctl.state.values import Struct, Value

_CODES = {"clean_cache": "cache_dirty", "never": "key_loss"}
_UNKNOWN = Proof(
    type="",
    kind="unproven",
    wants="a backup, and nothing is known that would prove one",
    remedy="keep it, or copy what it holds first",
)
_UNREADABLE = "its cache could not be read, so it counts as dirty"
_UNREAD = "nothing was read of the cloud (--refresh none)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """Why a loss is not proven harmless. `final`: no flag allows it."""

    code: str
    reason: str
    remedy: str
    final: bool = False


def caches(cloud: str) -> frozenset[str]:
    """Return the types that hold what is nowhere else for a while."""
    return frozenset(type_ for type_, proof in proofs(cloud).items() if proof.kind == "clean_cache" and not proof.of)


def missing(change: Change, plan: Plan, case: Case) -> Missing | None:
    """Return what is missing before a change may lose what it loses; None where it is proven, or nothing is held."""
    known = facts.of(change.type)
    if known is None or not known.stateful:
        return None
    proof = proofs(plan.cloud).get(change.type, _UNKNOWN)
    if proof.kind == "no_data":
        return None
    why = _voided(proof, change, plan) or _why(proof, change, case)
    if not why:
        return None
    return Missing(
        code=_CODES.get(proof.kind, "backup_unproven"),
        reason=f"{why}; it wants {proof.wants}" if proof.kind in ("restore_point", "kept", "unproven") else why,
        remedy=proof.remedy,
        final=proof.kind == "never",
    )


def _voided(proof: Proof, change: Change, plan: Plan) -> str:
    """Return which other loss of the same plan takes the backups along."""
    going = (
        other for other in plan.changes
        if other.type in proof.voided_by and other.urn != change.urn and other.action in ("replace", "delete")
    )  # fmt: skip
    return next((f"its backups go with {other.name} ({other.type})" for other in going), "")


def _why(proof: Proof, change: Change, case: Case) -> str:
    """Return why nothing is proven, `` where it is."""
    if proof.kind == "never":
        return f"losing it is never allowed, it wants {proof.wants}"
    if proof.kind == "unproven":
        return "no backup is proven"
    if case.told is None:
        return _UNREAD
    found = list(_evidence(proof, change, case))
    if not found:
        return _UNREADABLE if proof.kind == "clean_cache" else "it was not read"
    return next((why for told in found if (why := _lacking(proof, told, case.cloud_now))), "")


def _evidence(proof: Proof, change: Change, case: Case) -> Iterator[Struct]:
    """Yield what was read of that by which the change is proven: itself, or what belongs to it."""
    told = case.told or {}
    own = told.get(change.urn)
    if not proof.of:
        yield from () if own is None else (own,)
        return
    for urn, other in told.items():
        if _type(urn) == proof.of and _belongs(own or {}, other, proof):
            yield other


def _belongs(own: Struct, other: Struct, proof: Proof) -> bool:
    pairs = ((at(own, one), at(other, two)) for one, two in proof.match.items())
    return all(one is not None and one == two for one, two in pairs)


def _lacking(proof: Proof, told: Struct, now: float) -> str:
    """Return what one reading lacks, `` where it is enough."""
    value = at(told, proof.at) if proof.at else None
    if proof.kind == "clean_cache":
        return _dirty(value)
    if proof.require and not any(condition.holds(told) for condition in proof.require):
        return "nothing keeps what it holds"
    return _no_point(proof, value, now) if proof.kind == "restore_point" else ""


def _dirty(percent: Value) -> str:
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        return _UNREADABLE
    return f"{percent:g} % of its cache is not in S3 yet" if percent > 0 else ""


def _no_point(proof: Proof, value: Value, now: float) -> str:
    try:
        point = datetime.fromisoformat(str(value or "")).timestamp()
    except ValueError:
        return f"the cloud tells no {proof.at}"
    if point > now:
        return f"{proof.at} is {value}, which has not come yet"
    if proof.within_h and now - point > proof.within_h * 3600:
        return f"{proof.at} is {value}, {(now - point) / 3600:.0f} hours ago"
    return ""


def _type(urn: str) -> str:
    return urn.split("::", 3)[2].rpartition("$")[2] if urn.count("::") >= 3 else ""
