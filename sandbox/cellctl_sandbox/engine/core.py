"""The engine without argv and text: operations on a Target, with providers of this process.

engine = Engine(providers={"aws": factory})
result = engine.run("up", target, Inline(program), config={"proj:key": ConfigValue(value="v")})
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, opened
from cellctl.state.files import Pieces
from cellctl.state.resources import ResourceState
from cellctl.state.sealing import Vault
from cellctl.state.values import Struct
from cellctl_provider.probes import Probe, unobserved
from cellctl_provider.protocol import ProviderFactory
from cellctl_sandbox.engine import targeting
from cellctl_sandbox.engine.builtin import Builtin, StackOutputs, WithBuiltin, no_other_stacks
from cellctl_sandbox.engine.deployment import Deployment
from cellctl_sandbox.engine.errors import StepFailed, UnsupportedFeature
from cellctl_sandbox.engine.eventlog import EventLog, Observer, Said, Sink
from cellctl_sandbox.engine.journal import Journal
from cellctl_sandbox.engine.monitor import EngineLog, Monitor
from cellctl_sandbox.engine.options import Options
from cellctl_sandbox.engine.registry import ProviderSource, Registry
from cellctl_sandbox.engine.scope import ConfigValue, Mode, Scope
from cellctl_sandbox.engine.sdk import run_program
from cellctl_sandbox.engine.sources import InProcess

Kind = Literal["up", "preview", "refresh", "preview_refresh", "destroy", "preview_destroy"]
__all__ = ["ConfigValue", "Engine", "Inline", "Kind", "Options", "Program", "Result", "Session", "Target"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """The stack an operation works on: its sealed checkpoint, the vault that opens it, and where its text is saved.

    `stack_outputs` returns the opened outputs of another stack, for stack references.
    """

    project: str
    stack: str
    checkpoint: Checkpoint
    vault: Vault
    save: Callable[[Pieces], None]
    stack_outputs: StackOutputs = no_other_stacks


@dataclass(frozen=True, kw_only=True)
class Result:
    """How an operation ended. `outputs` hold secrets in their wrappers; `checkpoint` is the state after, opened.

    `untouched`: it was refused before anything was changed or written.
    """

    kind: Kind
    succeeded: bool
    cancelled: bool
    changes: Mapping[str, int]
    checkpoint: Checkpoint
    said: tuple[Said, ...] = ()
    program_error: str = ""
    unsupported: UnsupportedFeature | None = None
    untouched: bool = False
    saved: Pieces = ()

    @property
    def outputs(self) -> Struct:
        """The stack's outputs."""
        root = self.checkpoint.root
        return root.outputs if root else {}

    @property
    def changed(self) -> bool:
        """Whether anything but `same` and `read` was done or planned."""
        return any(count for op, count in self.changes.items() if op not in ("same", "read"))


class Program(Protocol):
    """Something that registers resources with a monitor."""

    def __call__(self, scope: Scope, monitor: Monitor, engine: EngineLog) -> str:
        """Run to the end; return the text of an unhandled exception, or an empty one."""


class Inline:
    """A Python function of this process, plain or async, as a Program: no sockets, no language server."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __call__(self, scope: Scope, monitor: Monitor, engine: EngineLog) -> str:
        """Run the function in a fresh context."""
        run = run_program(
            self._function,
            project=scope.project,
            stack=scope.stack,
            monitor=monitor,
            engine=engine,
            config={key: item.value for key, item in scope.config.items()},
            secret_keys=[key for key, item in scope.config.items() if item.secret],
            parallel=scope.options.parallel,
            dry_run=scope.planning,
            calls_back=lambda: engine.calls_back,
        )
        if run.traceback:
            scope.log.say("debug", run.traceback)
        return run.error


@dataclass(kw_only=True)
class Session:
    """One running operation, as seen by whoever may want to interrupt it."""

    deployment: Deployment
    interrupted: threading.Event = field(default_factory=threading.Event)

    def interrupt(self) -> None:
        """React as the CLI does to SIGINT; from any thread, at any time, more than once."""
        if not self.interrupted.is_set():
            self.interrupted.set()
            self.deployment.scope.log.stdout("interrupted: what is under way is finished, nothing new is begun\n")
            self.deployment.cancel()


class Engine:
    """Runs operations, one at a time for each stack; holds no state between them."""

    def __init__(
        self,
        providers: Mapping[str, ProviderFactory],
        beyond: ProviderSource | None = None,
        *,
        probe: Probe = unobserved,
    ) -> None:
        self._source = InProcess(providers, beyond)
        self._probe = probe
        self._sessions: list[Session] = []
        self._interrupted = False

    def interrupt(self, *, later: bool = False) -> None:
        """Interrupt every running operation of this engine; with `later` also those that have not begun yet."""
        self._interrupted = self._interrupted or later
        for session in list(self._sessions):
            session.interrupt()

    def run(
        self,
        kind: Kind,
        target: Target,
        program: Program | None = None,
        *,
        config: Mapping[str, ConfigValue] | None = None,
        masked: Mapping[str, str] | None = None,
        hidden: Collection[str] = (),
        options: Options | None = None,
        sink: Sink | None = None,
        observer: Observer | None = None,
    ) -> Result:
        """Do one operation to its end; failures of resources are in the Result, not raised.

        `program` is needed for `up` and `preview`; refresh and destroy with one run it first, for its providers.

        `masked` is the configuration as the first event shows it; `hidden` are texts that no event may hold.

        Raises:
            WrongPassphrase: The vault does not open the checkpoint.
        """
        saved: list[Pieces] = [()]

        def find(urn: str) -> ResourceState | None:
            return scope.made.get(urn)

        scope = Scope(
            project=target.project,
            stack=target.stack,
            planning=kind.startswith("preview"),
            options=targeting.sparing(options or Options(), target.checkpoint.resources),
            config=config or {},
            journal=_journal(kind, target, saved, self._probe),
            log=EventLog(sink, planning=kind.startswith("preview"), observer=observer, hidden=hidden),
            registry=Registry(WithBuiltin(self._source, lambda: Builtin(target.stack_outputs, find))),
            mode=_mode(kind, program),
            probe=self._probe,
        )
        session = Session(deployment=Deployment(scope))
        if program is None and kind.endswith("destroy") and session.deployment.refuse_unheard_hooks():
            return _result(kind, session.deployment, "", (), begun=False)
        self._sessions.append(session)
        try:
            whole = {key: "[secret]" if item.secret else item.value for key, item in scope.config.items()}
            scope.log.prelude(whole if masked is None else masked)
            if self._interrupted:
                session.interrupt()
            error = _operate(kind, session.deployment, program)
        finally:
            self._sessions.remove(session)
        return _result(kind, session.deployment, error, saved[0])


def _mode(kind: Kind, program: Program | None) -> Mode:
    """Return what a program is run for."""
    if program is None or kind in ("up", "preview"):
        return "update"
    return "refresh" if kind.endswith("refresh") else "destroy"


def _journal(kind: Kind, target: Target, saved: list[Pieces], probe: Probe) -> Journal:
    """Return the journal of an operation; `saved` keeps what was saved last."""
    writer = CheckpointWriter(target.vault)

    def save(state: Checkpoint) -> None:
        pieces = writer.pieces(state)
        target.save(pieces)
        saved[0] = pieces

    sealer = target.vault.sealer
    checkpoint = replace(opened(target.checkpoint, target.vault), secrets_kind=sealer.kind, secrets_state=sealer.state)
    return Journal(checkpoint, None if kind.startswith("preview") else save, probe)


def _operate(kind: Kind, deployment: Deployment, program: Program | None) -> str:
    """Do an operation to its end, saved; return the text of the program's unhandled exception."""
    scope, error = deployment.scope, ""
    _warn_of_pending(scope, kind)
    try:
        error = _sequence(kind, deployment, program)
    except UnsupportedFeature as failure:
        deployment.refuse(failure)
    finally:
        scope.registry.close()
        scope.callbacks.close()
    if error:
        scope.log.say("error", f"an unhandled error occurred: {error}")
    if deployment.cancelled and not deployment.failed:
        scope.log.say("error", "update canceled")
    if not _untouched(deployment):
        try:
            scope.journal.finish()
        except StepFailed as failure:
            deployment.fail(failure)
    return error


def _untouched(deployment: Deployment) -> bool:
    """Tell whether an operation was refused before anything was written."""
    return deployment.unsupported is not None and not deployment.scope.journal.wrote


def _result(kind: Kind, deployment: Deployment, error: str, saved: Pieces, *, begun: bool = True) -> Result:
    log, journal = deployment.scope.log, deployment.scope.journal
    succeeded = not (deployment.failed or deployment.cancelled or log.tally.refused)
    log.close(succeeded=succeeded, begun=begun)
    return Result(
        kind=kind,
        succeeded=succeeded,
        cancelled=deployment.cancelled,
        changes=dict(log.tally.changes),
        checkpoint=journal.checkpoint(),
        said=tuple(log.tally.said),
        program_error=error,
        unsupported=deployment.unsupported,
        untouched=not begun or _untouched(deployment),
        saved=saved,
    )


def _sequence(kind: Kind, deployment: Deployment, program: Program | None) -> str:
    """Do the parts of an operation in order; return the text of the program's unhandled exception."""
    scope = deployment.scope
    refreshing = kind in ("refresh", "preview_refresh")
    if targeting.report_unknown(scope, scope.selection.literals(of_refresh=refreshing)):
        return ""
    if refreshing and scope.options.clear_pending_creates:
        scope.journal.clear_pending_creates()
    if program is None and (refreshing or scope.options.refresh):
        deployment.refresh(counted=refreshing)
    elif scope.options.refresh and (scope.mode == "destroy" or not scope.options.run_program):
        deployment.refresh(counted=False)
    if program is not None:
        return _declare(deployment, program)
    if not refreshing and not deployment.gate.stopped:
        deployment.remove()
    return ""


def _declare(deployment: Deployment, program: Program) -> str:
    monitor = Monitor(deployment)
    error = program(deployment.scope, monitor, EngineLog(deployment.scope.log, deployment))
    if deployment.gate.stopped:
        error = ""  # the SDK's way of saying that the monitor went away: what happened was told already
    elif not error:
        deployment.finish()  # the SDK asks for it; one that does not is finished all the same
    deployment.gate.stop()
    deployment.gate.wait_idle()
    if error:
        deployment.failed = True
        log = deployment.scope.log
        if all(item.message != error for item in log.tally.said):  # a dialled program has said it itself
            log.say("error", error)
    deployment.settle()
    return error


def _warn_of_pending(scope: Scope, kind: Kind) -> None:
    """Tell of operations that an interrupted run left behind, where this one will change things."""
    pending = scope.journal.interrupted
    if kind not in ("up", "destroy") or scope.options.refresh or not pending:
        return
    lines = "".join(f"  * {item.resource.urn}, interrupted while {item.kind}\n" for item in pending)
    scope.log.say(
        "warning",
        f"Attempting to deploy or update resources with {len(pending)} pending operations from previous "
        f"deployment.\n{lines}These resources are in an unknown state because the engine was interrupted while "
        "waiting for changes to complete: look each one up before you go on.",
    )
