"""Verbs that run the engine: up, preview, refresh, destroy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from cellctl.state.backend import StackName
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, integrity_problem
from cellctl.state.sealing import Vault, WrongPassphrase
from cellctl.state.values import Struct
from cellctl_sandbox.engine import targeting
from cellctl_sandbox.engine.command import configuration, stacks
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
    kind = _kind(args)
    _refuse_together(args, kind)
    name = call.stack(args)
    call.require(name)
    if args.values.get("config"):
        configuration.set_all(call, _config_of(args))
    with ExitStack() as held:
        if not kind.startswith("preview"):
            held.enter_context(stacks.locked(call, name))
        prepared, unused = _imported(_prepared(call, kind, name), args.values.get("import-pending-creates", ()))
        if args.has("exclude-protected") and _all_protected(prepared.checkpoint):
            return Reply(stdout="There were no unprotected resources to destroy.\n")
        digest = Digest() if args.has("json") else None
        began = int(time.time())
        missing = _missing_target(args, prepared)
        with _sinks(call, args) as sink:
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
    text = digest.text(result, masked_config(prepared.settings.whole)) if digest else _words(result)
    reply = _answer(call, args, prepared, result, text)
    return replace(reply, stderr=_unused(unused) + reply.stderr)


def _refuse_together(args: Arguments, kind: Kind) -> None:
    """Refuse flags that exclude each other, in the CLI's words."""
    if args.values.get("target") and args.values.get("exclude"):
        raise Refusal(
            "if any flags in the group [target exclude] are set none of the others can be; "
            "[exclude target] were all set"
        )
    if kind.endswith("destroy") and args.values.get("target") and args.has("exclude-protected"):
        raise Refusal("you cannot specify --target and --exclude-protected")
    if args.has("skip-pending-creates") and args.has("clear-pending-creates"):
        raise Refusal("cannot set both --skip-pending-creates and --clear-pending-creates")


def _config_of(args: Arguments) -> Arguments:
    """Return `--config key=value` of an operation as the command that sets it for good: so it does in the CLI."""
    pairs = [text.partition("=") for text in args.values["config"]]
    stack = {key: args.values[key] for key in ("stack",) if key in args.values}
    return Arguments(
        words=("config", "set-all"), values=stack, pairs=tuple((key, value, False) for key, _, value in pairs)
    )


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


def _missing_target(args: Arguments, prepared: Prepared) -> str:
    """Return what was named for a refresh or destroy and is not in the state; an `up` may still make it."""
    if prepared.kind in ("up", "preview"):
        return ""
    selection = Selection(Options(targets=_named(args, "target"), excludes=_named(args, "exclude")))
    known = {item.urn for item in prepared.checkpoint.resources}
    return next((urn for urn in selection.literals(of_refresh=True) if urn not in known), "")


def _named(args: Arguments, flag: str) -> frozenset[str]:
    return frozenset(args.values.get(flag, ()))


def _refused(prepared: Prepared) -> Result:
    """Return the result of an operation that was not begun."""
    return Result(kind=prepared.kind, succeeded=False, cancelled=False, changes={}, checkpoint=prepared.checkpoint)


def _all_protected(checkpoint: Checkpoint) -> bool:
    """Tell whether there is something, and all of it is protected or needed by what is."""
    protected = [item.urn for item in checkpoint.resources if item.protect]
    kept = targeting.with_needs(checkpoint.resources, protected)
    return bool(checkpoint.resources) and all(item.urn in kept for item in checkpoint.resources)


def _kind(args: Arguments) -> Kind:
    planning = args.has("preview-only")
    if args.words[0] == "refresh":
        return "preview_refresh" if planning else "refresh"
    if args.words[0] == "destroy":
        return "preview_destroy" if planning else "destroy"
    return "up" if args.words[0] in ("up", "update") else "preview"


def _prepared(call: Call, kind: Kind, name: StackName) -> Prepared:
    checkpoint = stacks.loaded(call, name)
    problem = integrity_problem(checkpoint)
    if problem:
        raise Refusal(f"the state of stack '{name.stack}' is not sound, so nothing was begun: {problem}")
    try:
        vault = call.project.vault(name, checkpoint)
    except Refusal as error:
        raise Refusal(f"getting stack configuration: get stack secrets manager: {error.message}") from None
    settings = call.project.settings(name)
    missing = settings.defaults.missing(settings.config)
    if missing and kind in ("up", "preview"):
        raise Refusal(f"validating stack config: Stack '{name.stack}' is missing configuration value '{missing}'")
    return Prepared(kind=kind, name=name, vault=vault, checkpoint=checkpoint, settings=settings)


@contextmanager
def _sinks(call: Call, args: Arguments) -> Iterator[Sink]:
    """Give a sink that feeds the event log and whoever listens in this process."""
    address = args.value("event-log")
    with ExitStack() as open_:
        targets: list[Sink] = [call.sink] if call.sink else []
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
    backend, name = call.project.backend, prepared.name
    options = Options(
        parallel=args.number("parallel", 16),
        refresh=args.has("refresh"),
        replace=_named(args, "replace"),
        exclude_protected=args.has("exclude-protected"),
        clear_pending_creates=args.has("clear-pending-creates"),
        targets=_named(args, "target"),
        excludes=_named(args, "exclude"),
        target_dependents=args.has("target-dependents"),
        exclude_dependents=args.has("exclude-dependents"),
        continue_on_error=args.has("continue-on-error"),
        run_program=args.has("run-program"),
    )
    target = Target(
        project=name.project,
        stack=name.stack,
        checkpoint=prepared.checkpoint,
        vault=prepared.vault,
        save=lambda pieces: backend.write(name, pieces),
        stack_outputs=partial(stacks.outputs_of_another, call),
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
    if args.has("expect-no-changes") and result.changed:
        what = kind.removeprefix("preview_").replace("up", "update")
        message = f"error: no changes were expected for {what} but changes were proposed\n"
        return Reply(stdout=text, stderr=message, code=UNEXPECTED_CHANGES)
    spared = args.has("exclude-protected") and any(item.protect for item in prepared.checkpoint.resources)
    if args.has("remove") and kind == "destroy" and not spared:
        stacks.rm(call, Arguments(words=("stack", "rm", name.stack)))
    return Reply(stdout=text)


def _words(result: Result) -> str:
    """Return what a person would read; the Automation API looks into it for the class of an error."""
    lines = [f"{item.severity}: {item.message}" for item in result.said if item.severity in ("warning", "error")]
    counts = ", ".join(f"{count} {op}" for op, count in result.changes.items())
    return "\n".join([*lines, f"Resources: {counts or 'none'}", ""])
