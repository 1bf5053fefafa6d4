"""What proves that lost data could be had again, as data: restore points, versions, clean caches.

The data are `proof/<cloud>.toml` beside this module; every entry names a source with a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from cellctl.facts.conditions import Condition
from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "proof"
ProofKind = Literal["restore_point", "kept", "clean_cache", "unproven", "never", "no_data"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What must be read of an object of a type before it may go.

    `restore_point`: a time at `at`, at most `within_h` hours old; without `within_h` it is the earliest one, and must
    lie in the past. `clean_cache`: the percentage at `at` is 0. `kept`: `require` is enough. `unproven`: nothing can be
    read that proves it. `never`: nothing may. `no_data`: nothing need. `of` is the type of what is read, `` for the
    object itself, and `match` how they belong together (own path -> its path; empty: all of that type). One of
    `require` must hold, where there is any. A loss of a type in `voided_by` in the same plan takes the backups along.
    """

    type: str
    kind: ProofKind
    wants: str
    remedy: str
    of: str = ""
    match: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    within_h: float = 0.0
    require: tuple[Condition, ...] = ()
    voided_by: tuple[str, ...] = ()


@lru_cache(maxsize=8)
def proofs(cloud: str) -> Mapping[str, Proof]:
    """Return what proves the data of each type of a cloud.

    Raises:
        FactsError: The file breaks the format, or an entry names no source.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    found = [_proof(entry, sources) for entry in table.tables("proofs")]
    table.end()
    return {proof.type: proof for proof in found}


def _proof(entry: Table, sources: set[str]) -> Proof:
    kind = entry.text("kind")
    given = entry.get("require")
    alternatives = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    proof = Proof(
        type=entry.text("type"),
        kind=kind,  # type: ignore[arg-type]  # looked at below
        wants=entry.text("wants"),
        remedy=entry.text("remedy"),
        of=entry.text("of", ""),
        match={key: str(path) for key, path in entry.struct("match").items()},
        at=entry.text("at", ""),
        within_h=entry.number("within_h", 0.0),
        require=tuple(Condition.read(item) for item in alternatives),
        voided_by=entry.texts("voided_by"),
    )
    if kind not in get_args(ProofKind):
        raise entry.fail(f"kind must be one of {', '.join(get_args(ProofKind))}")
    if kind in ("restore_point", "clean_cache") and not proof.at:
        raise entry.fail("'at' must say where it is read")
    if kind == "kept" and not proof.require:
        raise entry.fail("'require' must say what keeps it")
    entry.source(sources)
    entry.end()
    return proof
