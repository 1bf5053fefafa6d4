"""The facts of a service as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cellctl.facts.conditions import Condition, at
from cellctl.state.values import Value

Operation = Literal["create", "update", "delete", "read"]
__all__ = [
    "Bucket",
    "Condition",
    "Duration",
    "Durations",
    "Held",
    "Operation",
    "Price",
    "Quota",
    "QuotaUse",
    "Retries",
    "ServiceFacts",
    "Settles",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where facts come from: a page, a file, a measurement, and the day it was read."""

    what: str
    date: str


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a call takes in seconds, half of the time at most `p50`, nearly always at most `p95`."""

    p50: float
    p95: float


DEFAULT: Mapping[Operation, Duration] = {
    "create": Duration(2, 5),
    "update": Duration(2, 5),
    "delete": Duration(2, 5),
    "read": Duration(0.5, 1),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """Durations that hold under a condition on the inputs."""

    when: Condition
    durations: Mapping[Operation, Duration]


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """Durations of a type by operation; `updates` by changed property."""

    base: Mapping[Operation, Duration] = field(default_factory=dict)
    updates: Mapping[str, Duration] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()

    def of(
        self, operation: Operation, inputs: Mapping[str, Value] | None = None, *, changed: tuple[str, ...] = ()
    ) -> Duration:
        """Return how long `operation` takes on an object with `inputs`; `changed` are top-level property names."""
        for variant in self.variants if inputs is not None else ():
            if operation in variant.durations and variant.when.holds(inputs or {}):
                return self._longest(variant.durations[operation], changed)
        return self._longest(self.base.get(operation, DEFAULT[operation]), changed)

    def _longest(self, duration: Duration, changed: tuple[str, ...]) -> Duration:
        candidates = [self.updates[name] for name in changed if name in self.updates]
        return max([duration, *candidates], key=lambda item: item.p50)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """How long a name stays taken after deletion: `seconds`, or a property times `unit_s`; not if `unless` holds."""

    seconds: float = 0
    property: str = ""
    unit_s: float = 1
    unless: Condition | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """How many objects an account may have. `scope`: region, account, global, or a path whose value is the scope.

    Where objects do not count alike, `weights` say how much each is, by what they are (vCPUs by instance type). One
    that is `raised` the cloud raises by itself: its default says nothing of an account that is in use.
    """

    name: str
    default: int
    scope: str
    code: str
    source: str
    weights: Mapping[str, int] = field(default_factory=dict)
    raised: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaUse:
    """A quota that a type counts against, where `when` holds; `by` is the path of what weighs an object."""

    name: str
    when: Condition = field(default_factory=Condition)
    by: str = ""

    def amount(self, quota: Quota, inputs: Mapping[str, Value]) -> int:
        """Return how much an object takes: 0 where it does not count, or nobody knows what it weighs."""
        if not self.when.holds(dict(inputs)):
            return 0
        return quota.weights.get(str(at(dict(inputs), self.by)), 0) if self.by else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """How fast a service may be called: `burst` requests at once, `per_s` more each second (a token bucket).

    `scope`: account or region (of an account). `requests`: how many one call of an operation makes. `types`: globs.
    """

    name: str
    burst: float
    per_s: float
    scope: str
    types: tuple[str, ...]
    requests: Mapping[Operation, float]
    code: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How a provider's SDK meets throttling: `attempts` in all, `delays_s` between them (the last one repeats)."""

    attempts: int = 1
    delays_s: tuple[float, ...] = (1.0,)
    source: str = ""

    def delay_s(self, attempt: int) -> float:
        """Return how long it waits after the attempt of this number, counted from 1."""
        return self.delays_s[min(attempt, len(self.delays_s)) - 1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settles:
    """After its creation an object is not found by `hidden_from` (globs of types and `service:` names) for a while.

    `read` among them means its own type's Read. `code` is what the asker is told.
    """

    takes: Duration
    hidden_from: tuple[str, ...]
    code: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterDeletion:
    """What becomes of an object's data when it is deleted, where `when` holds. `text` has `{path}` of inputs.

    `lost`: a warning to give before; else it says what the cloud keeps, for how long and how it is brought back.
    """

    text: str
    lost: bool = False
    when: Condition = field(default_factory=Condition)


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """A list price."""

    amount: float
    unit: str
    region: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """One part of what an object costs, where `when` holds.

    `price` is the key of a list price, with `{path}` of inputs. It counts `times`: a number, or the path of an input
    that is a number or a list, divided by `per`.
    """

    price: str
    times: float | str = 1.0
    per: float = 1.0
    when: Condition = field(default_factory=Condition)


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeFacts:
    """What the documentation says of one resource type.

    `replaces` and `immutable` are names or dotted paths of inputs. `names` are regular expressions by property,
    `enums` allowed values by path. `waits_s`: for how long the provider repeats a call whose references are not found
    yet. `sources` maps the name of a fact group, or `` for the rest, to a source.
    """

    type: str
    stateful: bool = False
    replaces: frozenset[str] = frozenset()
    immutable: frozenset[str] = frozenset()
    durations: Durations = Durations()
    quotas: tuple[QuotaUse, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    enums: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    held: Held | None = None
    settles: Settles | None = None
    waits_s: float = 0.0
    after_deletion: tuple[AfterDeletion, ...] = ()
    costs: tuple[CostLine, ...] = ()
    id_form: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceFacts:
    """Everything in one file."""

    types: Mapping[str, TypeFacts] = field(default_factory=dict)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    retries: Retries = Retries()
    prices: Mapping[str, Price] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
