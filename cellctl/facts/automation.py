"""What the clouds change in objects by themselves, as data: rules by which drift is told from somebody's edit.

The data are `drift/<cloud>.toml` beside this module; every entry names a source with a date.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "drift"
CLASSES = ("cloud_automation", "provider_noise")


@dataclass(frozen=True, kw_only=True, slots=True)
class Automation:
    """Properties of a type that change without anybody's hand; `type` and `paths` are globs."""

    type: str
    paths: tuple[str, ...]
    drift_class: str
    reason: str


@lru_cache(maxsize=8)
def automation(cloud: str) -> tuple[Automation, ...]:
    """Return the rules of a cloud.

    Raises:
        FactsError: The file breaks the format, or a rule names no source.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    found = tuple(_rule(entry, sources) for entry in table.tables("rules"))
    table.end()
    return found


def _rule(entry: Table, sources: set[str]) -> Automation:
    rule = Automation(
        type=entry.text("type"),
        paths=entry.texts("paths"),
        drift_class=entry.text("class"),
        reason=entry.text("reason"),
    )
    if rule.drift_class not in CLASSES:
        raise entry.fail(f"class must be one of {', '.join(CLASSES)}")
    entry.source(sources)
    entry.end()
    return rule
