"""The engine without argv and text: operations on a Target, with providers of this process.

engine = Engine(providers={"aws": factory})
result = engine.run("up", target, Inline(program), config={"proj:key": ConfigValue(value="v")})
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, opened
from cellctl.state.sealing import Vault
from cellctl.state.values import Struct
from cellctl_provider.probes import Probe, unobserved
from cellctl_provider.protocol import ProviderFactory
from cellctl_sandbox.engine.deployment import Deployment
from cellctl_sandbox.engine.errors import StepFailed, UnsupportedFeature
from cellctl_sandbox.engine.eventlog import EventLog, Observer, Said, Sink
from cellctl_sandbox.engine.journal import Journal
from cellctl_sandbox.engine.monitor import EngineLog, Monitor
from cellctl_sandbox.engine.registry import ProviderSource, Registry
from cellctl_sandbox.engine.scope import ConfigValue, Options, Scope
from cellctl_sandbox.engine.sdk import run_program
from cellctl_sandbox.engine.sources import InProcess

Kind = Literal["up", "preview", "refresh", "preview_refresh", "destroy", "preview_destroy"]
__all__ = ["ConfigValue", "Engine", "Inline", "Kind", "Options", "Program", "Result", "Session", "Target"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """The stack an operation works on: its sealed checkpoint, the vault that opens it, and where text is saved."""

    project: str
    stack: str
    checkpoint: Checkpoint
    vault: Vault
    save: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """How an operation ended. `outputs` hold secrets in their wrappers; `checkpoint` is the state after, opened."""

    kind: Kind
    succeeded: bool
    cancelled: bool
    changes: Mapping[str, int]
    checkpoint: Checkpoint
    said: tuple[Said, ...] = ()
    program_error: str = ""
    unsupported: UnsupportedFeature | None = None
    text: str = ""

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
        options: Options | None = None,
        sink: Sink | None = None,
        observer: Observer | None = None,
    ) -> Result:
        """Do one operation to its end; failures of resources are in the Result, not raised.

        `program` is needed for `up` and `preview`; with one, refresh and destroy run it first for its providers.

        Raises:
            WrongPassphrase: The vault does not open the checkpoint.
        """
        saved = [""]
        scope = Scope(
            project=target.project,
            stack=target.stack,
            planning=kind.startswith("preview"),
            options=options or Options(),
            config=config or {},
            journal=_journal(kind, target, saved, self._probe),
            log=EventLog(sink, planning=kind.startswith("preview"), observer=observer),
            registry=Registry(self._source),
            probe=self._probe,
        )
        session = Session(deployment=Deployment(scope))
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


def _journal(kind: Kind, target: Target, saved: list[str], probe: Probe) -> Journal:
    """Return the journal of an operation; `saved` keeps the text that was saved last."""
    writer = CheckpointWriter(target.vault)

    def save(state: Checkpoint) -> None:
        text = writer.text(state)
        target.save(text)
        saved[0] = text

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
    if error:
        scope.log.say("error", f"an unhandled error occurred: {error}")
    if deployment.cancelled:
        scope.log.say("error", "update canceled")
    try:
        scope.journal.finish()
    except StepFailed as failure:
        deployment.fail(failure)
    return error


def _result(kind: Kind, deployment: Deployment, error: str, text: str) -> Result:
    log, journal = deployment.scope.log, deployment.scope.journal
    succeeded = not (deployment.failed or deployment.cancelled or log.tally.refused)
    log.close(succeeded=succeeded)
    return Result(
        kind=kind,
        succeeded=succeeded,
        cancelled=deployment.cancelled,
        changes=dict(log.tally.changes),
        checkpoint=journal.checkpoint(),
        said=tuple(log.tally.said),
        program_error=error,
        unsupported=deployment.unsupported,
        text=text,
    )


def _sequence(kind: Kind, deployment: Deployment, program: Program | None) -> str:
    """Do the parts of an operation in order; return the text of the program's unhandled exception."""
    if kind in ("up", "preview"):
        assert program is not None, "up and preview need a program"
        if deployment.scope.options.refresh:
            deployment.refresh(counted=False)
        return _declare(deployment, program)
    if program is not None:
        raise UnsupportedFeature("running the program for refresh and destroy (run_program)")
    if kind in ("refresh", "preview_refresh"):
        if deployment.scope.options.clear_pending_creates:
            deployment.scope.journal.clear_pending_creates()
        deployment.refresh(counted=True)
        return ""
    if deployment.scope.options.refresh:
        deployment.refresh(counted=False)
    if not deployment.gate.stopped:
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
    if kind != "up" or not pending:
        return
    lines = "".join(f"  * {item.resource.urn}, interrupted while {item.kind}\n" for item in pending)
    scope.log.say(
        "warning",
        f"Attempting to deploy or update resources with {len(pending)} pending operations from previous "
        f"deployment.\n{lines}These resources are in an unknown state because the engine was interrupted while "
        "waiting for changes to complete: look each one up before you go on.",
    )
