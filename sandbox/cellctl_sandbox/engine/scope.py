"""What the parts of one operation share: its options, its collaborators, and what has been decided so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cellctl.state.resources import ResourceState
from cellctl_provider.probes import Probe, unobserved
from cellctl_sandbox.engine.callbacks import Callbacks, Hooks
from cellctl_sandbox.engine.eventlog import EventLog
from cellctl_sandbox.engine.journal import Journal
from cellctl_sandbox.engine.options import Options
from cellctl_sandbox.engine.registry import Instance, Registry
from cellctl_sandbox.engine.selection import Selection
from cellctl_sandbox.engine.urns import split_reference


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigValue:
    """One configuration value of the stack; objects are JSON text."""

    value: str
    secret: bool = False


Mode = Literal["update", "refresh", "destroy"]


@dataclass(kw_only=True)
class Decisions:
    """What has been planned so far; guarded by the planning lock of the deployment.

    `seen`: URNs of this program. `kept`: old URNs that a registration took over. `aliased`: old URN -> new URN.
    `aliases`: the same the other way round, for the children's inherited aliases. `recreate`: URNs deleted because of
    something they depend on, with the keys that made it necessary. `replaced`: URNs of this program that are replaced.
    `deleted`: URNs deleted in this operation. `removed`: rows of the state that need no deletion any more. `skipped`:
    URNs that the program wants and this operation does not make. `failed`: URNs that failed, or need one that did, in
    an operation that continues. `condemned`: what a destroy registered first.
    """

    seen: dict[str, None] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    aliased: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    recreate: dict[str, tuple[str, ...]] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    condemned: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Scope:
    """One operation. `olds` are the living resources of the state it began with; `made` what it registered.

    `mode`: what the program is run for: its goals, or only its providers, before a refresh or destroy.
    """

    project: str
    stack: str
    planning: bool
    options: Options
    config: Mapping[str, ConfigValue]
    journal: Journal
    log: EventLog
    registry: Registry
    mode: Mode = "update"
    olds: dict[str, ResourceState] = field(default_factory=dict)
    decisions: Decisions = field(default_factory=Decisions)
    made: dict[str, ResourceState] = field(default_factory=dict)
    probe: Probe = unobserved

    def __post_init__(self) -> None:
        """Index the living resources."""
        self.selection = Selection(self.options)
        self.callbacks = Callbacks()
        self.hooks = Hooks(self.callbacks, self.log, planning=self.planning)
        self.reindex()

    def reindex(self) -> None:
        """Take the living resources from the journal: at the beginning, and after a refresh."""
        self.olds = {item.urn: item for item in self.journal.olds() if not item.delete}

    def instance(self, reference: str) -> Instance:
        """Return the provider instance of a reference, from this operation or from the state."""
        return self.registry.instance(reference, self._find_provider)

    def provider_state(self, reference: str) -> ResourceState | None:
        """Return the provider resource of a reference."""
        urn, id_ = split_reference(reference)
        made = self.made.get(urn)
        return made if made and made.id == id_ else self._find_provider(urn, id_)

    def _find_provider(self, urn: str, id_: str) -> ResourceState | None:
        for item in self.journal.checkpoint().resources:
            if item.urn == urn and item.id == id_:
                return item
        old = self.olds.get(urn)
        return old if old and old.id == id_ else None
