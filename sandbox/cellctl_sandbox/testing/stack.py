"""`SandboxStack`: one stack of a test, its operations, and what must hold after them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from cellctl.state.backend import FileBackend, StackName
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, opened
from cellctl.state.files import Pieces
from cellctl.state.resources import ResourceState
from cellctl.state.sealing import PassphraseSealer, Vault
from cellctl.state.values import Struct, Value, bare, bare_struct, is_secret
from cellctl_provider.protocol import Provider, ProviderError, ProviderFactory
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.engine.core import ConfigValue, Engine, Inline, Kind, Options, Target
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.urns import ROOT_TYPE, is_default_provider
from cellctl_sandbox.testing.outcome import OperationFailed, Outcome, masked_outputs, outcome_of, shown_struct

Program: TypeAlias = Callable[[], Awaitable[None] | None]
T = TypeVar("T")
PASSPHRASE = "sandbox"  # noqa: S105  of stacks that hold nothing real
SHORTEST_SECRET = 6
"""Shorter secrets are not searched for: they would be found by accident."""


@dataclass(kw_only=True)
class Place:
    """What the stacks of one sandbox share. `ended` becomes true when a fault ended the running operation."""

    folder: Path
    providers: MutableMapping[str, ProviderFactory]
    now: Callable[[], float]
    ended: bool = False
    running: dict[Engine, StackName] = field(default_factory=dict)

    @property
    def backend(self) -> FileBackend:
        """Where the states are."""
        return FileBackend(self.folder / "state")

    def crashed(self) -> None:
        """End the running operations as the death of their process ends them."""
        self.ended = True
        for engine in list(self.running):
            engine.interrupt()


class _Unknown:
    """Answers for packages that the sandbox has not."""

    def offers(self, package: str) -> bool:
        """Refuse nothing by name: what is missing is told when it is opened."""
        del package
        return True

    def open(self, package: str, version: str, urn: str, variables: Mapping[str, str]) -> Provider:
        """Raise `StepFailed` that says what to do."""
        del version, variables
        raise StepFailed(
            f"the sandbox has no provider '{package}': give one, pulumi_sandbox.provide('{package}', PROVIDER), "
            f"or data, pulumi_sandbox.types(FOLDER) with FOLDER/{package}/<module>.toml",
            urn=urn,
        )


@functools.cache
def _sealer() -> PassphraseSealer:
    """Return the sealer of all sandboxes of this process: deriving its key is what would cost most in a small test."""
    return PassphraseSealer.fresh(PASSPHRASE)


class SandboxStack:
    """One stack. `program`, `config` and `secrets` may be changed between operations."""

    def __init__(
        self,
        place: Place,
        name: str,
        program: Program,
        *,
        project: str,
        config: Mapping[str, object],
        secrets: Mapping[str, object],
    ) -> None:
        self.name = name
        self.project = project
        self.program = program
        self.config = dict(config)
        self.secrets = dict(secrets)
        self._place = place
        self._stack = StackName(project=project, stack=name)
        self._vault = Vault(_sealer())
        backend = place.backend
        if not backend.exists(self._stack):
            sealer = self._vault.sealer
            fresh = Checkpoint(stack=self._stack.full, secrets_kind=sealer.kind, secrets_state=sealer.state)
            backend.create(self._stack, CheckpointWriter(self._vault).text(fresh))

    # ---- operations
    def preview(self, *, refresh: bool = False, check: bool = True) -> Outcome:
        """Say what `up` would do; arguments as of `up`."""
        return self._run("preview", Options(refresh=refresh), check=check)

    def up(
        self, *, refresh: bool = False, replace: Iterable[str] = (), parallel: int = 16, check: bool = True
    ) -> Outcome:
        """Bring the clouds to what the program declares.

        Args:
            refresh: Read everything from the cloud before.
            replace: URNs to be replaced without any change.
            parallel: How many provider calls may run at once.
            check: Raise if it does not succeed; without, look at the outcome.

        Raises:
            OperationFailed: It did not succeed; its `outcome` tells what was done.
        """
        options = Options(refresh=refresh, replace=frozenset(replace), parallel=parallel)
        return self._run("up", options, check=check)

    def refresh(self, *, preview: bool = False, clear_pending_creates: bool = False, check: bool = True) -> Outcome:
        """Read everything from the cloud into the state; `preview` only tells what differs."""
        options = Options(clear_pending_creates=clear_pending_creates)
        return self._run("preview_refresh" if preview else "refresh", options, check=check)

    def destroy(self, *, preview: bool = False, exclude_protected: bool = False, check: bool = True) -> Outcome:
        """Delete everything in the state; `preview` only tells what that is."""
        options = Options(exclude_protected=exclude_protected)
        return self._run("preview_destroy" if preview else "destroy", options, check=check)

    def interrupt(self) -> None:
        """Interrupt what this stack does just now, as Ctrl-C does: what is under way is finished, nothing new is begun.

        Call it from another thread, a provider of your own or the program. It ends calls that a fault lets hang; the
        operation fails, and the next one goes on from there. Where nothing runs, nothing happens.
        """
        for engine, stack in list(self._place.running.items()):
            if stack == self._stack:
                engine.interrupt()

    def _run(self, kind: Kind, options: Options, *, check: bool) -> Outcome:
        with _uncollected():
            outcome = _outside_of_loops(lambda: self._operate(kind, options))
        if check and not outcome.succeeded:
            raise OperationFailed(outcome)
        return outcome

    def _operate(self, kind: Kind, options: Options) -> Outcome:
        place, events = self._place, list[Struct]()
        place.ended, began = False, place.now()
        target = Target(
            project=self.project,
            stack=self.name,
            checkpoint=place.backend.read(self._stack).checkpoint,
            vault=self._vault,
            save=self._save,
            stack_outputs=self._outputs_of,
        )
        engine = Engine(place.providers, _Unknown())
        place.running[engine] = self._stack
        try:
            result = engine.run(
                kind,
                target,
                Inline(self.program) if kind in ("up", "preview") else None,
                config=self._configuration(),
                options=options,
                sink=events.append,
            )
        finally:
            del place.running[engine]
        if result.unsupported is not None:
            raise result.unsupported
        return outcome_of(result, events, crashed=place.ended, simulated_s=place.now() - began)

    def _save(self, pieces: Pieces) -> None:
        if self._place.ended:
            raise OSError("the process has ended")
        self._place.backend.write(self._stack, pieces)

    def _outputs_of(self, name: str) -> Struct:
        """Return the outputs of another stack, named `stack`, `project/stack` or `organization/project/stack`."""
        *before, stack = name.split("/")
        other = StackName(project=before[-1] if before else self.project, stack=stack)
        if not self._place.backend.exists(other):
            raise ProviderError(f"unknown stack '{name}': bring it up first, in the same sandbox", code="not_found")
        root = opened(self._place.backend.read(other).checkpoint, self._vault).root
        return root.outputs if root else {}

    def _configuration(self) -> dict[str, ConfigValue]:
        found: dict[str, ConfigValue] = {}
        for values, is_secret_ in ((self.config, False), (self.secrets, True)):
            for key, value in values.items():
                text = value if isinstance(value, str) else json.dumps(value)
                full = key if ":" in key else f"{self.project}:{key}"
                found[full] = ConfigValue(value=text, secret=is_secret_)
        return found

    # ---- looking
    def outputs(self, *, secrets: bool = False) -> dict[str, object]:
        """Return the stack's outputs, secrets masked unless asked for."""
        root = self._checkpoint().root
        values = root.outputs if root else {}
        return dict(bare_struct(values)) if secrets else shown_struct(masked_outputs(values))

    @property
    def resources(self) -> tuple[str, ...]:
        """URNs in the state, in its order, without the root stack and default providers."""
        return tuple(item.urn for item in _own(self._checkpoint()))

    @property
    def pending(self) -> tuple[str, ...]:
        """URNs of operations that a crash left behind."""
        return tuple(item.resource.urn for item in self._checkpoint().pending)

    @property
    def checkpoint_path(self) -> Path:
        """The state file: a version-3 checkpoint, as the Pulumi CLI writes it."""
        return self._place.backend.checkpoint_path(self._stack)

    def _checkpoint(self) -> Checkpoint:
        return opened(self._place.backend.read(self._stack).checkpoint, self._vault)

    # ---- what must hold
    def assert_stable(self) -> Outcome:
        """Fail unless a second run changes nothing: neither the program nor the cloud disagrees with the state."""
        drift = self.refresh(preview=True)
        outcome = self.preview()
        changed = [*drift.changed, *outcome.changed]
        if changed:
            what = "\n".join(f"  {step}".replace("\n", "\n  ") for step in changed)
            raise AssertionError(f"stack '{self.name}' is not stable: another run changes\n{what}")
        return outcome

    def assert_no_secret_in_clear(self) -> None:
        """Fail if a secret stands in clear in the state: of the configuration, or marked secret anywhere.

        Texts of fewer than 6 characters are not looked for. The message names resource and property, not the value.
        """
        wanted = {text for value in self.secrets.values() for text in _texts(value) if len(text) >= SHORTEST_SECRET}
        state = self._checkpoint()
        for item in state.resources:
            wanted |= {text for text in _secrets({**item.inputs, "\0": item.outputs}) if len(text) >= SHORTEST_SECRET}
        found = [place for item in state.resources for place in _in_clear(item, wanted)]
        if found:
            raise AssertionError("secrets stand in clear in the state:\n" + "\n".join(f"  {place}" for place in found))

    def assert_nothing_left(self, *, but: Iterable[str] = ()) -> None:
        """Fail if the state, or a cloud, still holds what this stack made; `but`: types that may stay (a snapshot)."""
        allowed = set(but)
        start = f"urn:pulumi:{self.name}::{self.project}::"
        left = [f"state: {urn}" for urn in self.resources]
        for record in records(Database.open(self._place.folder)):
            if record.urn.startswith(start) and record.gone_s is None and record.type not in allowed:
                left.append(f"cloud: {record.type} {record.id}, made by {record.urn}")
        if left:
            raise AssertionError(f"stack '{self.name}' left behind:\n" + "\n".join(f"  {item}" for item in left))


def _own(checkpoint: Checkpoint) -> Iterator[ResourceState]:
    return (item for item in checkpoint.resources if item.type != ROOT_TYPE and not is_default_provider(item.urn))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage in an operation: the SDK makes much that lives as long, and finding that out costs a third."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _outside_of_loops(work: Callable[[], T]) -> T:
    """Do `work` where no event loop runs: an async test calls operations too."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="pulumi-sandbox")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _secrets(value: Value) -> Iterator[str]:
    """Yield the texts inside secret wrappers."""
    if is_secret(value):
        yield from _texts(bare(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item)


def _in_clear(item: ResourceState, wanted: set[str]) -> Iterator[str]:
    for side, values in (("inputs", item.inputs), ("outputs", item.outputs)):
        for key, value in values.items():
            for path, text in _plain(key, value):
                if any(secret in text for secret in wanted):
                    yield f"{item.urn}: {side}.{path}"


def _plain(path: str, value: Value) -> Iterator[tuple[str, str]]:
    """Yield path and text of what is not secret."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict) and not is_secret(value):
        for key, item in value.items():
            yield from _plain(f"{path}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _plain(f"{path}[{index}]", item)
