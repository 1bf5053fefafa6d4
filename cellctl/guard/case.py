"""What a guard may know besides the Plan. Values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cellctl.errors import Objection
from cellctl.guard.exceptions import Freeze, PolicyException
from cellctl.plan import Declared, Plan
from cellctl.state.values import Struct, Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What a guard may know besides the Plan.

    `allow`: URNs that the caller named. `keep_data`, `delete_data`: what `down` was told. `recorded`: cloud, account,
    region and placement that the stack was made with; `wanted`: those of the file; both empty where they do not apply.
    `recorded_spec`, `wanted_spec`: what stands below `spec` in the stack's record and in the file, where nodes run;
    `node_limit`: how many nodes the installed licence allows, 0 where none is known. `licence` is the one to be
    installed, None where none is or where nobody here can tell. `declared` is what the program declares, empty where
    no program ran (`down`). `exceptions` and `freezes` stand in `cellctl.yaml`; `labels` and `window` in the cell file.
    `now` is the real time in Unix seconds, `cloud_now` what the clouds call it. `override`: codes of objections that
    the caller takes upon himself; `accept_loss`: URNs that he would lose without a proven backup. `told` is what was
    just read of the clouds, by URN; None where nothing was. `usage` is what the account has of its quotas, as far as
    somebody counts; `offers` in which zones it is offered the sizes that the plan asks for. `importing`: ids by URN of
    what takes an object over; `held`: those of them that the stack has already, with the ids by which it knows the
    object.
    """

    allow: frozenset[str] = frozenset()
    keep_data: bool = False
    delete_data: bool = False
    recorded: Mapping[str, str] = field(default_factory=dict)
    wanted: Mapping[str, str] = field(default_factory=dict)
    recorded_spec: Mapping[str, Value] = field(default_factory=dict)
    wanted_spec: Mapping[str, Value] = field(default_factory=dict)
    node_limit: int = 0
    licence: Licence | None = None
    declared: Sequence[Declared] = ()
    exceptions: Sequence[PolicyException] = ()
    freezes: Sequence[Freeze] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    window: str = ""
    now: float = 0.0
    override: frozenset[str] = frozenset()
    accept_loss: frozenset[str] = frozenset()
    usage: Mapping[Need, Usage] = field(default_factory=dict)
    offers: Mapping[Size, Offer] = field(default_factory=dict)
    told: Mapping[str, Struct] | None = None
    cloud_now: float = 0.0
    importing: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A quota (`SERVICE.NAME` of the facts) that a plan counts against; `inside` is the object that it is counted in.

    `inside` is `` for a quota of a region or an account.
    """

    quota: str
    inside: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What an account has of a quota; `because` says where the limit comes from.

    `used` is None where nobody could count it. `doubt` says why these are not the account's own numbers.
    """

    used: int | None
    limit: int
    because: str
    doubt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """A size (`m6i.large`) of a `machine` or a `database` that a plan asks for.

    `zones` are those that it may stand in, none where nobody knows; it must be offered in `least` of them.
    """

    kind: str
    name: str
    engine: str = ""
    zones: tuple[str, ...] = ()
    least: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """The zones in which an account is offered a size; `doubt` says why that is not known."""

    zones: frozenset[str] = frozenset()
    doubt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Licence:
    """The licence that a plan would install: its secret, how many nodes it allows and how many there would be.

    `missing` says why there is none, `` where there is; `remedy` what puts it there.
    """

    reference: str
    nodes: int
    limit: int = 0
    missing: str = ""
    remedy: str = ""


class Guard(Protocol):
    """Judges a plan."""

    def __call__(self, plan: Plan, case: Case) -> Iterable[Objection]:
        """Return why the plan must not be applied; nothing if it may."""
