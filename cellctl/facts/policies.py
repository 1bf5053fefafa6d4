"""What every cell must satisfy, as data: encryption, no public access, TLS, retention, tags.

The data are `policy/<cloud>.toml` beside this module; every entry names a source with a date.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cellctl.facts.conditions import Condition
from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "policy"
CODES = {
    "encryption": "policy_encryption",
    "public_access": "policy_public_access",
    "tls": "policy_tls",
    "retention": "policy_retention",
    "tags": "policy_tags",
}
"""What an objection is called, for each policy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A demand on every resource of a type.

    `each`: a dotted path of which every element is judged, or `some` of which one must do; `` for the inputs
    themselves. `when`: only where this holds. Then `require` must hold, `forbid` must not, the number at `at` must be
    `least` or more, and a resource of type `beside` that satisfies `require` must belong to it. `says` completes the
    sentence "NAME (TYPE) …".
    """

    code: str
    type: str
    says: str
    remedy: str
    each: str = ""
    some: bool = False
    when: Condition = field(default_factory=Condition)
    require: Condition = field(default_factory=Condition)
    forbid: Condition | None = None
    at: str = ""
    least: float = 0.0
    beside: str = ""


@lru_cache(maxsize=8)
def policies(cloud: str) -> tuple[Policy, ...]:
    """Return the demands of a cloud.

    Raises:
        FactsError: The file breaks the format, or an entry names no source.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    found = tuple(_policy(entry, sources) for entry in table.tables("policies"))
    table.end()
    return found


def _policy(entry: Table, sources: set[str]) -> Policy:
    forbid = entry.struct("forbid")
    policy = Policy(
        code=entry.text("code"),
        type=entry.text("type"),
        says=entry.text("says"),
        remedy=entry.text("remedy"),
        each=entry.text("each", ""),
        some=entry.flag("some"),
        when=Condition.read(entry.struct("when")),
        require=Condition.read(entry.struct("require")),
        forbid=Condition.read(forbid) if forbid else None,
        at=entry.text("at", ""),
        least=entry.number("least", 0.0),
        beside=entry.text("beside", ""),
    )
    if policy.code not in CODES:
        raise entry.fail(f"code must be one of {', '.join(CODES)}")
    entry.source(sources)
    entry.end()
    return policy
