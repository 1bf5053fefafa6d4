"""A stack in a temporary folder on the embedded engine with a fake provider: for tests of the engine itself.

bench = EngineBench(tmp_path)
seen = bench.up(Thing("a", {"size": 1}), Thing("b", {"of": Ref("a", "arn")}), outputs={"x": Ref("b", "arn")})
seen.ops == {"a": ["create"], "b": ["create"]}; seen.calls; bench.state("a").outputs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pulumi

from cellctl.state.backend import FileBackend, StackName
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter
from cellctl.state.files import Pieces
from cellctl.state.resources import ResourceState
from cellctl.state.sealing import PassphraseSealer, Vault
from cellctl.state.values import Struct
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.engine.core import ConfigValue, Engine, Inline, Kind, Options, Result, Target
from cellctl_sandbox.testing.fake_provider import FakeFactory, World

PROJECT, STACK = "bench", "dev"
COMPUTED = ("arn", "version", "region", "password")


@dataclass(frozen=True)
class Ref:
    """The output `key` of the resource `name`; `id` and `urn` too."""

    name: str
    key: str = "arn"


@dataclass(frozen=True)
class Hidden:
    """A secret value."""

    value: str


Declared = object  # a plain value, Ref or Hidden, at any depth
Kinds = Literal["custom", "component", "provider", "stack", "raise"]


@dataclass(frozen=True)
class Thing:
    """One declaration of a program. `options` have the names of `pulumi.ResourceOptions`; resources by name.

    Kind `stack` is a reference to the stack of `props["stack"]`; kind `raise` raises.
    """

    name: str
    props: Mapping[str, Declared] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    type: str = "fake:index:Thing"
    kind: Kinds = "custom"
    outputs: Mapping[str, Declared] | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one operation did: `ops` by logical name, provider calls in order, and the engine's own result."""

    result: Result
    events: list[Struct]
    calls: list[tuple[str, str]]

    @property
    def ops(self) -> dict[str, list[str]]:
        """Ops of the steps that began, by logical name, default providers and the root stack left out."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            body = event.get("resourcePreEvent")
            metadata = body["metadata"] if isinstance(body, dict) else None
            if isinstance(metadata, dict):
                name = str(metadata["urn"]).rpartition("::")[2]
                if not name.startswith("default") and name != f"{PROJECT}-{STACK}":
                    found.setdefault(name, []).append(str(metadata["op"]))
        return found

    @property
    def errors(self) -> list[str]:
        """Messages of severity error."""
        return [item.message for item in self.result.said if item.severity == "error"]

    @property
    def warnings(self) -> list[str]:
        """Messages of severity warning."""
        return [item.message for item in self.result.said if item.severity == "warning"]


class EngineBench:
    """One stack, its world and its engine."""

    def __init__(self, folder: Path, world: World | None = None) -> None:
        self.world = world or World()
        self.engine = Engine({"fake": FakeFactory(self.world)})
        self.backend = FileBackend(folder)
        self.name = StackName(project=PROJECT, stack=STACK)
        self.vault = Vault(PassphraseSealer("bench", SALT))
        self.config: dict[str, ConfigValue] = {}
        self.other_stacks: dict[str, Struct] = {}
        if not self.backend.exists(self.name):
            empty = Checkpoint(stack=self.name.full, secrets_kind="passphrase", secrets_state={"salt": SALT})
            self.backend.create(self.name, CheckpointWriter(self.vault).text(empty))

    # ---- operations ----
    def up(self, *things: Thing, outputs: Mapping[str, Declared] | None = None, **options: object) -> Seen:
        """Run `up`; `options` as of `Options`."""
        return self.run("up", things, outputs, **options)

    def preview(self, *things: Thing, outputs: Mapping[str, Declared] | None = None, **options: object) -> Seen:
        """Run `preview`."""
        return self.run("preview", things, outputs, **options)

    def refresh(self, **options: object) -> Seen:
        """Run `refresh`."""
        return self.run("refresh", None, None, **options)

    def destroy(self, **options: object) -> Seen:
        """Run `destroy`."""
        return self.run("destroy", None, None, **options)

    def run(
        self, kind: Kind, things: tuple[Thing, ...] | None, outputs: Mapping[str, Declared] | None, **options: object
    ) -> Seen:
        """Run one operation and return what it did."""
        events: list[Struct] = []
        before = len(self.world.calls)
        program = None if things is None else Inline(program_of(things, outputs or {}))
        target = Target(
            project=PROJECT,
            stack=STACK,
            checkpoint=self.backend.read(self.name).checkpoint,
            vault=self.vault,
            save=self.save,
            stack_outputs=self._outputs_of,
        )
        result = self.engine.run(
            kind,
            target,
            program,
            config=self.config,
            options=Options(**options),  # type: ignore[arg-type]
            sink=events.append,
        )
        return Seen(result=result, events=events, calls=self.world.calls[before:])

    def _outputs_of(self, name: str) -> Struct:
        if name not in self.other_stacks:
            raise ProviderError(f"unknown stack '{name}'")
        return self.other_stacks[name]

    def save(self, pieces: Pieces) -> None:
        """Save a checkpoint; tests put faults in its place."""
        self.backend.write(self.name, pieces)

    # ---- looking ----
    def checkpoint(self) -> Checkpoint:
        """Return the saved checkpoint, secrets sealed."""
        return self.backend.read(self.name).checkpoint

    def state(self, name: str) -> ResourceState:
        """Return the living resource of a logical name."""
        return next(item for item in self.checkpoint().resources if item.name == name and not item.delete)

    def names(self) -> list[str]:
        """Return the logical names in the state, the root stack and default providers left out, in order."""
        hidden = ("default", f"{PROJECT}-{STACK}")
        return [item.name for item in self.checkpoint().resources if not item.name.startswith(hidden)]

    def urn(self, name: str) -> str:
        """Return the URN of a resource in the state."""
        return self.state(name).urn


SALT = PassphraseSealer.fresh("bench").salt


class _Custom(pulumi.CustomResource):
    """A resource with every computed output that a fake object may have."""

    def __init__(self, thing: Thing, props: dict[str, object], options: pulumi.ResourceOptions) -> None:
        super().__init__(thing.type, thing.name, {**dict.fromkeys(COMPUTED), **props}, options)


class _Component(pulumi.ComponentResource):
    """A component."""

    def __init__(self, thing: Thing, options: pulumi.ResourceOptions) -> None:
        super().__init__(thing.type, thing.name, {}, options)


class _Provider(pulumi.ProviderResource):
    """An explicit provider."""

    def __init__(self, thing: Thing, props: dict[str, object], options: pulumi.ResourceOptions) -> None:
        super().__init__("fake", thing.name, props, options)


def program_of(things: tuple[Thing, ...], outputs: Mapping[str, Declared]) -> Callable[[], None]:
    """Return a Pulumi program that declares `things` in order and exports `outputs`."""

    def program() -> None:
        made: dict[str, pulumi.Resource] = {}
        for thing in things:
            if thing.kind == "raise":
                raise RuntimeError(thing.name)
            made[thing.name] = _make(thing, made)
            if isinstance(made[thing.name], pulumi.ComponentResource) and thing.outputs is not None:
                registered = {key: _value(item, made) for key, item in thing.outputs.items()}
                made[thing.name].register_outputs(registered)  # type: ignore[attr-defined]
        for key, item in outputs.items():
            pulumi.export(key, _value(item, made))

    return program


def _make(thing: Thing, made: Mapping[str, pulumi.Resource]) -> pulumi.Resource:
    props = {key: _value(item, made) for key, item in thing.props.items()}
    if thing.kind == "stack":
        return pulumi.StackReference(thing.name, str(props["stack"]))
    options = {key: _option(key, item, made) for key, item in thing.options.items()}
    if thing.kind == "component":
        return _Component(thing, pulumi.ResourceOptions(**options))  # type: ignore[arg-type]
    given = pulumi.ResourceOptions(**{"version": "1.0.0", **options})  # type: ignore[arg-type]
    return _Provider(thing, props, given) if thing.kind == "provider" else _Custom(thing, props, given)


def _option(key: str, value: object, made: Mapping[str, pulumi.Resource]) -> object:
    if key in ("parent", "provider", "deleted_with"):
        return made[str(value)]
    if key in ("depends_on", "providers", "replace_with") and isinstance(value, list):
        return [made[str(item)] for item in value]
    return _value(value, made) if key == "replacement_trigger" else value


def _value(value: Declared, made: Mapping[str, pulumi.Resource]) -> object:
    if isinstance(value, Ref):
        output: object = getattr(made[value.name], value.key, None)
        return output if output is not None else made[value.name].__dict__[value.key]
    if isinstance(value, Hidden):
        return pulumi.Output.secret(value.value)
    if isinstance(value, dict):
        return {key: _value(item, made) for key, item in value.items()}
    return [_value(item, made) for item in value] if isinstance(value, list) else value
