"""Plan, Change and Outcome: what would happen, and what did, in one vocabulary.

Values only: nothing here runs an engine or draws. Everything is already redacted: secrets read `[secret]`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Literal

from cellctl.errors import Objection, Problem
from cellctl.state.values import Struct, Value

if TYPE_CHECKING:
    from cellctl.gates import Judged
    from cellctl.likeness import Row

Action = Literal["create", "update", "replace", "delete", "same", "read", "import", "refresh"]
DiffKind = Literal["add", "update", "delete"]
Result = Literal["succeeded", "failed", "interrupted", "refused", "nothing"]

SECRET_TEXT = "[secret]"  # noqa: S105  what a reader sees instead of a secret
UNKNOWN_TEXT = "known after apply"
COUNTED: tuple[Action, ...] = ("create", "update", "replace", "delete", "same")


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyChange:
    """One property path of a Change. `before` and `after` are None where the property is absent."""

    path: str
    before: Value
    after: Value
    kind: DiffKind
    replaces: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What would happen to one resource.

    `parent` is the parent's URN. `blocked_by` is `protect` where the engine itself refuses. `expected_s` is how long it
    usually takes in seconds, None where unknown: `expected_from` is `history` where this home saw it often enough, else
    `facts`. `needed_by`: URNs of what depends on it directly, of what is there, the first twenty;
    `needed_by_more`: how many more do. `downtime`: `outage`, `brief` (a minute
    or two), `none`, or `` where nothing is known; `downtime_why` says why. Provider resources and components are
    changes too (`custom` False for the latter), so that trees can be drawn. `monthly_usd` is what it costs a month at
    list prices, before and after. `deletes_first`: the old object of a replacement goes before the new one comes.
    """

    urn: str
    type: str
    name: str
    action: Action
    stateful: bool = False
    blocked_by: str = ""
    replace_keys: tuple[str, ...] = ()
    diff: tuple[PropertyChange, ...] = ()
    parent: str = ""
    custom: bool = True
    expected_s: float | None = None
    monthly_usd: tuple[float, float] = (0.0, 0.0)
    expected_from: Literal["", "history", "facts"] = ""
    needed_by: tuple[str, ...] = ()
    needed_by_more: int = 0
    deletes_first: bool = False
    downtime: Literal["", "none", "brief", "outage"] = ""
    downtime_why: str = ""

    @property
    def of_cloud(self) -> bool:
        """Whether it is about something in a cloud: no component, no provider that only carries configuration."""
        return self.custom and not self.type.startswith("pulumi:")

    @property
    def likeness(self) -> Row:
        """What counts when changes of different cells are compared."""
        from cellctl.likeness import Difference, Row

        place = self.urn.split("::", 2)[-1]
        keys: list[Value] = [*sorted(self.replace_keys)]
        return Row(
            facts=(place, self.type, self.name, self.action, self.stateful, self.blocked_by, self.custom, keys),
            differences=[
                Difference(path=item.path, before=item.before, after=item.after, facts=(item.kind, item.replaces))
                for item in self.diff
            ],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """Something the engine, a provider or the program said."""

    severity: Literal["info", "warning", "error"]
    message: str
    urn: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """One resource as the program declares it; in `inputs` a sentinel stands for secrets and for what is not known."""

    urn: str
    type: str
    name: str
    parent: str
    inputs: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What would happen to one cell.

    `complete`: the program ran to its end, so no change is missing. `applyable`: complete, without errors, and nothing
    is blocked. `errored`: the preview failed; `diagnostics` say why. `hash` changes with any change shown here.
    `objections`: why guards would refuse it. `spec_digest` and `checkpoint_digest` are sha256 in hex. `versions`
    holds cellctl, engine and SDK versions.
    """

    cell: str
    cloud: str
    account: str
    operation: Literal["up", "down", "refresh"]
    changes: tuple[Change, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    complete: bool = True
    applyable: bool = True
    errored: bool = False
    hash: str = ""
    spec_digest: str = ""
    checkpoint_digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    objections: tuple[Objection, ...] = ()

    def summary(self) -> dict[str, int]:
        """Return how many changes there are of each action, every action of `COUNTED` present; components count."""
        return _counts(self.changes)

    def of_cloud(self) -> dict[str, int]:
        """Return the same of what stands for something in a cloud: what people count."""
        return _counts(change for change in self.changes if change.of_cloud)

    def counted(self) -> str:
        """Return in words what would be done to things in a cloud: `2 create, 1 replace`."""
        counts = self.of_cloud()
        return ", ".join(f"{counts[action]} {action}" for action in COUNTED[:-1] if counts[action]) or "nothing"

    def monthly_usd(self) -> tuple[float, float]:
        """Return what the cell costs a month at list prices, before and after (`cellctl.facts.costs`)."""
        before, after = (sum(change.monthly_usd[side] for change in self.changes) for side in (0, 1))
        return before, after

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return all(change.action in ("same", "read") for change in self.changes)

    @property
    def semantic_hash(self) -> str:
        """Equal for plans of different cells that would change the same (`cellctl.likeness`); computed at each use.

        Account, region, versions and diagnostics do not count, nor does what stays as it is.
        """
        from cellctl.likeness import digest

        rows = (change.likeness for change in self.changes if change.action not in ("same", "read"))
        return digest(self.cell, [self.cloud, self.operation, self.complete, self.errored], rows)


def plan_hash(plan: Plan) -> str:
    """Return the sha256, in hex, of what would be changed: URNs, actions and property changes, order ignored."""
    rows = [_hashed(change) for change in plan.changes if change.action not in ("same", "read")]
    body = json.dumps([plan.cell, plan.cloud, plan.account, plan.operation, sorted(rows)])
    return hashlib.sha256(body.encode()).hexdigest()


_COMPARED = tuple(item.name for item in fields(PropertyChange))


def _hashed(change: Change) -> str:
    content = [change.urn, change.action, change.blocked_by, sorted(change.replace_keys)]
    return json.dumps(
        [content, [{name: getattr(item, name) for name in _COMPARED} for item in change.diff]], sort_keys=True
    )


def _counts(changes: Iterable[Change]) -> dict[str, int]:
    counts = dict.fromkeys(map(str, COUNTED), 0)
    for change in changes:
        if change.action in counts:
            counts[change.action] += 1
    return counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One thing that failed: stable code, one sentence, what to do, and where."""

    code: str
    message: str
    hint: str = ""
    urn: str = ""

    @classmethod
    def of(cls, problem: Problem) -> Failure:
        """Return a file problem as a failure."""
        return cls(code="spec_invalid", message=str(replace(problem, hint="")), hint=problem.hint)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an operation did.

    `changes` are steps as the engine counts them, `of_cloud` those of them that are about something in a cloud.
    `outputs` are the stack's outputs with secrets as `[secret]`. `simulated_s` is None outside the sandbox.
    `checks` are sentences on what `verify` found good; a check that failed is a Failure with code `verify_*`.
    `retained` are sentences on what the clouds keep of deleted data by their own rules. `accepted_losses`: what the
    caller said may be lost without a proven backup (`URN: why`). `gates` are those of gateways that the run
    tried.
    """

    cell: str
    cloud: str
    account: str
    operation: Literal["up", "down", "refresh", "preview", "drift", "alarms", "gates", "scrub"]
    result: Result
    changes: Mapping[str, int]
    of_cloud: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, Value] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    checks: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()
    accepted_losses: tuple[str, ...] = ()
    engine_name: str = ""
    engine_version: str = ""
    simulated_s: float | None = None
    wall_s: float = 0.0
    run_id: str = ""
    remaining: int = 0
    gates: tuple[Judged, ...] = ()
