"""Report: what a change does to every cell. Values of texts and numbers only, redacted, each of them whole.

A Group is a set of cells whose plans would change the same; one of them is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal[
    "loses data", "outage", "replaces", "deletes", "changes data", "changes", "creates", "keeps", "nothing"
]  # fmt: skip
NoteLevel = Literal["failure", "warning", "notice"]
LEVELS: tuple[Level, ...] = (
    "loses data", "outage", "replaces", "deletes", "changes data", "changes", "creates", "keeps", "nothing",
)  # fmt: skip
"""The worst first; `keeps`: only how cellctl keeps a cell in its state; `nothing`: refused although it stays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyRow:
    """One property of a ChangeRow, as text; `` where there is nothing."""

    path: str
    before: str
    after: str
    kind: Literal["add", "update", "delete"]
    replaces: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeRow:
    """One resource of the cell that is shown.

    `causes`: the properties that force a replacement. `properties` are empty where it would be created. The rest is
    what `cellctl.plan.Change` says of what follows; `needed_by` are names.
    """

    name: str
    type: str
    action: str
    stateful: bool = False
    blocked_by: str = ""
    causes: tuple[str, ...] = ()
    properties: tuple[PropertyRow, ...] = ()
    downtime: Literal["", "none", "brief", "outage"] = ""
    downtime_why: str = ""
    expected_s: float | None = None
    expected_from: Literal["", "history", "facts"] = ""
    needed_by: tuple[str, ...] = ()
    monthly_usd: tuple[float, float] = (0.0, 0.0)

    @property
    def loses_data(self) -> bool:
        """Whether data would be gone."""
        return self.action in ("replace", "delete") and (self.stateful or bool(self.blocked_by))


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a guard refuses a plan of one cell."""

    cell: str
    code: str
    reason: str
    remedy: str
    flag: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Cells that would change the same and are refused for the same reasons, if for any, by name.

    `shown` is the one whose plan this is. `counts`: create, update, replace, delete of things in a cloud. `refusals`:
    of every cell, what guards object to. `monthly_usd`: what all its cells together cost a month, before and after.
    """

    hash: str
    level: Level
    cells: tuple[str, ...]
    shown: str
    cloud: str
    counts: tuple[int, int, int, int]
    changes: tuple[ChangeRow, ...]
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    monthly_usd: tuple[float, float] = (0.0, 0.0)

    @property
    def total(self) -> int:
        """How many things in a cloud would change in each cell."""
        return sum(self.counts)

    @property
    def slowest(self) -> ChangeRow | None:
        """The change that usually takes longest, None where nothing is known of any."""
        known = [row for row in self.changes if row.expected_s]
        return max(known, key=lambda row: row.expected_s or 0.0, default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """A cell that the base describes and the change does not. `to` is the new name where it was renamed."""

    cell: str
    file: str
    kind: Literal["removed", "decommissioned", "renamed"]
    to: str = ""

    @property
    def refused(self) -> bool:
        """Whether the check fails because of it."""
        return self.kind != "decommissioned"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A cell without a plan, and why; `refused` where a guard did not even let it be made."""

    cell: str
    code: str
    message: str
    hint: str = ""
    refused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """An annotation: what to say at a line of a file, counted from 1."""

    file: str
    line: int
    level: NoteLevel
    title: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything. Groups are sorted worst first.

    `base`, `head`: commits in hex, `head` `` for a working tree, both `` where one cell is compared with its state.
    `home`: the home's folder in the repository, `.` for its root. `unchanged`: how many cells were looked at and would
    stay as they are. `all_because`: files that can change every cell. `reef_files`: those that can change the cells on
    a reef. `not_applied`: files of the change that these plans do not contain (`--files-only`).
    """

    base: str
    head: str = ""
    home: str = "."
    groups: tuple[Group, ...] = ()
    gone: tuple[Gone, ...] = ()
    failed: tuple[Failed, ...] = ()
    notes: tuple[Note, ...] = ()
    unchanged: int = 0
    all_because: tuple[str, ...] = ()
    reef_files: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()
    sandbox: bool = False

    @property
    def changing(self) -> int:
        """How many cells would change."""
        return sum(len(group.cells) for group in self.groups if group.level != "nothing")

    @property
    def looked_at(self) -> int:
        """How many cells were previewed, or could not be."""
        broken = {item.cell for item in self.failed}
        return sum(len(group.cells) for group in self.groups) + self.unchanged + len(broken)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Every refusal of every cell: of plans, and of cells that a guard did not even let be previewed."""
        early = (
            Refusal(cell=item.cell, code=item.code, reason=item.message, remedy=item.hint)
            for item in self.failed
            if item.refused
        )
        return (*(item for group in self.groups for item in group.refusals), *early)

    @property
    def refused(self) -> bool:
        """Whether the change must not be merged as it is: cells that vanish, or that a guard refuses."""
        return any(item.refused for item in self.gone) or bool(self.refusals)

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to say of any cell."""
        return not (self.groups or self.gone or self.failed)
