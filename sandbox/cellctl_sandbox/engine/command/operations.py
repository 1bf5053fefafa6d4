"""Verbs that run the engine: up, preview, refresh, destroy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from cellctl.state.backend import StackName
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, integrity_problem
from cellctl.state.sealing import Vault, WrongPassphrase
from cellctl.state.values import Struct
from cellctl_sandbox.engine import targeting
from cellctl_sandbox.engine.command import asked, configuration, contents, stacks
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.digest import Digest
from cellctl_sandbox.engine.command.project import Settings, config_values, masked_config, secrets_of
from cellctl_sandbox.engine.command.replies import UNEXPECTED_CHANGES, Refusal, Reply
from cellctl_sandbox.engine.core import Inline, Kind, Options, Program, Result, Target
from cellctl_sandbox.engine.eventlog import Sink
from cellctl_sandbox.engine.selection import Selection
from cellctl_sandbox.engine.sockets import Dialled, EventStream

_HISTORY = {"up": "update", "refresh": "refresh", "destroy": "destroy"}


_PLANS: Mapping[Kind, Kind] = {"refresh": "preview_refresh", "destroy": "preview_destroy", "up": "preview"}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An operation ready to run: all that can be refused was looked at."""

    kind: Kind
    name: StackName
    vault: Vault
    checkpoint: Checkpoint
    settings: Settings


def run(call: Call, args: Arguments) -> Reply:
    """Do one operation, record it, and answer as the CLI does."""
    asked.confirm(args, call.project.environment)
    asked.refuse_together(args)
    name = call.stack(args)
    call.require(name)
    configuration.told(call, args)
    kind = asked.kind_of(args)
    plan = _PLANS.get(kind)
    if plan and not args.has("skip-preview"):
        planned = _operate(call, args, plan, name)
        if planned.code:
            return planned
    return _operate(call, args, kind, name)


def _operate(call: Call, args: Arguments, kind: Kind, name: StackName) -> Reply:
    options = asked.options_of(args, call.project)
    with ExitStack() as held:
        if not kind.startswith("preview"):
            held.enter_context(stacks.locked(call, name))
        prepared, unused = _imported(_prepared(call, args, kind, name), args.values.get("import-pending-creates", ()))
        if args.has("exclude-protected") and _all_protected(prepared.checkpoint):
            return Reply(stdout="There were no unprotected resources to destroy.\n")
        digest = Digest(args) if args.has("json") and kind.startswith("preview") else None
        began = int(time.time())
        missing = _missing_target(options, prepared)
        lines: list[str] = []
        with _sinks(call, args, lines if args.has("json") and not digest else None) as sink:
            if missing:
                sink({"sequence": 0, "timestamp": began, "cancelEvent": {}})
                result = _refused(prepared)
            else:
                result = _engine_result(call, args, prepared, sink, digest)
        if kind in _HISTORY and not result.untouched:
            _record(call, args, prepared, result, began)
    if missing:
        raise Refusal(f"no resource named '{missing}' found")
    if result.unsupported is not None:
        raise result.unsupported
    text = digest.text(result, masked_config(prepared.settings.whole)) if digest else "".join(lines) or _words(result)
    reply = _answer(call, args, prepared, result, text)
    return replace(reply, stderr=_unused(unused) + reply.stderr)


def _imported(prepared: Prepared, told: Sequence[str]) -> tuple[Prepared, tuple[str, ...]]:
    """Let pending creates count as imports that come to nothing, as the CLI does; return which URNs are none of them.

    `told` are pairs of a URN and an id. The CLI's engine drops such an import without a word (reference/engine.md 7):
    who wants the object in the state says `import_` in the program.
    """
    if len(told) % 2:
        raise Refusal("each URN must be followed by an ID: found an odd number of entries")
    urns = set(told[::2])
    pending = prepared.checkpoint.pending
    known = {item.resource.urn for item in pending if item.kind == "creating"}
    left = tuple(item for item in pending if item.kind != "creating" or item.resource.urn not in urns)
    return replace(prepared, checkpoint=replace(prepared.checkpoint, pending=left)), tuple(sorted(urns - known))


def _unused(urns: Sequence[str]) -> str:
    if not urns:
        return ""
    listed = "".join(f'- "{urn}"\n' for urn in urns)
    return f"warning: the following urns did not correspond to a pending create\n{listed}"


def _missing_target(options: Options, prepared: Prepared) -> str:
    """Return what was named for a refresh or destroy and is not in the state; an `up` may still make it."""
    if prepared.kind in ("up", "preview"):
        return ""
    selection = Selection(options)
    known = {item.urn for item in prepared.checkpoint.resources}
    return next((urn for urn in selection.literals(of_refresh=True) if urn not in known), "")


def _refused(prepared: Prepared) -> Result:
    """Return the result of an operation that was not begun."""
    return Result(kind=prepared.kind, succeeded=False, cancelled=False, changes={}, checkpoint=prepared.checkpoint)


def _all_protected(checkpoint: Checkpoint) -> bool:
    """Tell whether there is something, and all of it is protected or needed by what is."""
    protected = [item.urn for item in checkpoint.resources if item.protect]
    kept = targeting.with_needs(checkpoint.resources, protected)
    return bool(checkpoint.resources) and all(item.urn in kept for item in checkpoint.resources)


def _prepared(call: Call, args: Arguments, kind: Kind, name: StackName) -> Prepared:
    checkpoint = stacks.loaded(call, name)
    problem = integrity_problem(checkpoint)
    if problem and not args.has("disable-integrity-checking"):
        raise Refusal(f"the state of stack '{name.stack}' is not sound, so nothing was begun: {problem}")
    try:
        vault = call.project.vault(name, checkpoint)
    except Refusal as error:
        raise Refusal(f"getting stack configuration: get stack secrets manager: {error.message}") from None
    settings = call.project.settings(name)
    runs = kind in ("up", "preview") or asked.runs_program(args, call.project.environment)
    if runs and not args.has("skip-config-validation"):
        told = settings.defaults.problem(config_values(settings.whole, vault), name.stack)
        if told:
            raise Refusal(f"validating stack config: {told}")
    return Prepared(kind=kind, name=name, vault=vault, checkpoint=checkpoint, settings=settings)


@contextmanager
def _sinks(call: Call, args: Arguments, lines: list[str] | None) -> Iterator[Sink]:
    """Give a sink that feeds the event log and whoever listens in this process, and writes events as `lines`."""
    address = args.value("event-log")
    with ExitStack() as open_:
        targets: list[Sink] = [call.sink] if call.sink else []
        if lines is not None:
            targets.append(lambda event: lines.append(json.dumps(event, ensure_ascii=False) + "\n"))
        if address:
            targets.append(open_.enter_context(EventStream(address)))

        def sink(event: Struct) -> None:
            for target in targets:
                target(event)

        yield sink


def _program(call: Call, args: Arguments) -> Program:
    if call.program is not None:
        return Inline(call.program)
    if args.value("client"):
        return Dialled(args.value("client"), str(call.project.folder))
    raise Refusal("no program: this engine runs inline programs only")


def _engine_result(call: Call, args: Arguments, prepared: Prepared, sink: Sink, digest: Digest | None) -> Result:
    backend, name, options = call.project.backend, prepared.name, asked.options_of(args, call.project)
    target = Target(
        project=name.project,
        stack=name.stack,
        checkpoint=prepared.checkpoint,
        vault=prepared.vault,
        save=lambda pieces: backend.write(name, pieces),
        stack_outputs=partial(contents.outputs_of_another, call),
    )
    runs = prepared.kind in ("up", "preview") or options.run_program
    program = _program(call, args) if runs else None
    try:
        return call.engine().run(
            prepared.kind,
            target,
            program,
            config=config_values(prepared.settings.whole, prepared.vault),
            masked=masked_config(prepared.settings.whole),
            hidden=secrets_of(prepared.settings.whole, prepared.vault),
            options=options,
            sink=sink,
            observer=digest,
        )
    except WrongPassphrase as error:
        raise Refusal(f"getting stack configuration: get stack secrets manager: {error}") from None


def _record(call: Call, args: Arguments, prepared: Prepared, result: Result, began: int) -> None:
    changes: Struct = dict(result.changes)
    entry: Struct = {
        "kind": _HISTORY[prepared.kind],
        "startTime": began,
        "message": args.value("message"),
        "environment": {"exec.kind": args.value("exec-kind"), "pulumi.version": "embedded"},
        "config": dict(prepared.settings.whole),
        "version": 0,
        "result": "succeeded" if result.succeeded else "failed",
        "endTime": int(time.time()),
        "resourceChanges": changes,
    }
    saved = result.saved or CheckpointWriter(prepared.vault).pieces(result.checkpoint)
    call.project.backend.add_history(prepared.name, entry, saved)


def _answer(call: Call, args: Arguments, prepared: Prepared, result: Result, text: str) -> Reply:
    kind, name = prepared.kind, prepared.name
    if not result.succeeded:
        return Reply(stdout=text, code=1)
    if args.has("expect-no-changes") and result.changed and kind == asked.kind_of(args):
        what = kind.removeprefix("preview_").replace("up", "update")
        message = f"error: no changes were expected for {what} but changes were proposed\n"
        return Reply(stdout=text, stderr=message, code=UNEXPECTED_CHANGES)
    spared = args.has("exclude-protected") and any(item.protect for item in prepared.checkpoint.resources)
    if args.has("remove") and kind == "destroy" and not spared:
        stacks.remove(call, name, force=False, keep_settings=False)
    return Reply(stdout=text)


def _words(result: Result) -> str:
    """Return what a person would read; the Automation API looks into it for the class of an error."""
    lines = [f"{item.severity}: {item.message}" for item in result.said if item.severity in ("warning", "error")]
    counts = ", ".join(f"{count} {op}" for op, count in result.changes.items())
    return "\n".join([*lines, f"Resources: {counts or 'none'}", ""])
