"""Verbs about stacks: init, select, ls, rm, rename, tag, cancel, whoami."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cellctl.state import checkpoint as checkpoints
from cellctl.state.backend import StackExists, StackName, StackNotFound
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter
from cellctl.state.locks import StackLocked
from cellctl.state.values import Struct, Value
from cellctl_sandbox.engine.command import asked
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.placing import text_of
from cellctl_sandbox.engine.command.project import Settings, resealed
from cellctl_sandbox.engine.command.renaming import Renaming
from cellctl_sandbox.engine.command.replies import STACK_NOT_FOUND, Refusal, Reply
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import Feature

LOCKED = (
    "the stack is currently locked by {count} lock(s). Either wait for the other process(es) to end or delete the "
    "lock file with `pulumi cancel`."
)


@contextmanager
def locked(call: Call, name: StackName) -> Iterator[None]:
    """Hold the stack's lock; raises `Refusal` if somebody else does."""
    folder = call.project.backend.locks(name)
    try:
        lock = folder.acquire()
    except StackLocked as error:
        raise Refusal(LOCKED.format(count=len(error.locks))) from None
    try:
        yield
    finally:
        folder.release(lock.key)


def loaded(call: Call, name: StackName) -> Checkpoint:
    """Return the stack's checkpoint; a damaged one is replaced by the previous one and `call.warnings` says so."""
    try:
        result = call.project.backend.read(name)
    except StackNotFound as error:
        raise Refusal(str(error), code=STACK_NOT_FOUND) from None
    if result.recovered:
        call.warnings.append(result.recovered)
    return result.checkpoint


def pretty(value: Value | Struct, indent: int = 2) -> str:
    """Return JSON as the CLI prints it."""
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"


def _named(call: Call, args: Arguments) -> StackName:
    """Return the stack that an operand or `--stack` names; raises `Refusal` if both do."""
    if args.operands and args.value("stack"):
        raise Refusal("only one of --stack or argument stack name may be specified, not both")
    return call.project.stack_name(args.operands[0]) if args.operands else call.stack(args)


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> str:
    """Return rows as text: the columns' names in capitals, then one line for each row."""
    lines = [[name.upper() for name in columns], *([text_of(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def init(call: Call, args: Arguments) -> Reply:
    """Create an empty stack, with the configuration of another one if that is asked for."""
    if not args.operands and not args.value("stack"):
        raise Refusal("missing stack name")
    name = _named(call, args)
    if args.values.get("teams"):
        raise Refusal(f"stack {name.stack} uses the {call.project.backend.url} backend: it does not support --teams")
    copied = call.project.stack_name(args.value("copy-config-from")) if args.value("copy-config-from") else None
    _created(call, name, args.value("secrets-provider", "default"))
    if not args.has("no-select"):
        call.select(name)
    if copied:
        call.require(copied)
        _copy_settings(call, copied, name)
    return Reply(stderr=f"Created stack '{name.stack}'\n")


def _created(call: Call, name: StackName, manager: str) -> None:
    if manager not in ("", "default", "passphrase"):
        if "://" in manager:
            raise UnsupportedFeature(Feature.SECRETS, manager.partition(":")[0])
        raise Refusal(f'unknown secrets provider type "{manager}"')
    if call.project.backend.exists(name):
        raise Refusal(f"stack '{name.full}' already exists")
    try:
        vault = call.project.vault(name)
    except Refusal as error:
        raise Refusal(f"could not create secrets manager for new stack: {error.message}") from None
    empty = Checkpoint(stack=name.full, secrets_kind=vault.sealer.kind, secrets_state=vault.sealer.state)
    text = CheckpointWriter(vault).text(empty)
    try:
        call.project.backend.create(name, text)
    except StackExists as error:
        raise Refusal(str(error)) from None
    call.project.backend.write(name, text)


def _copy_settings(call: Call, source: StackName, target: StackName) -> None:
    """Give a stack the configuration of another one, secrets sealed anew."""
    old, new = call.project.vault(source), call.project.vault(target)
    settings = call.project.settings(target)
    settings.config |= {key: resealed(item, old, new) for key, item in call.project.settings(source).config.items()}
    settings.save()


def select(call: Call, args: Arguments) -> Reply:
    """Make a stack the current one; make it if it is not there and that is asked for."""
    if not args.operands and not args.value("stack"):
        raise Refusal("no stack selected; specify a stack name with --stack", code=STACK_NOT_FOUND)
    name = _named(call, args)
    if args.has("create") and not call.project.backend.exists(name):
        _created(call, name, args.value("secrets-provider", "default"))
    call.require(name)
    call.select(name)
    return Reply()


def show(call: Call, args: Arguments) -> Reply:
    """Print what a stack holds."""
    name = call.stack(args)
    call.require(name)
    if args.has("show-name"):
        return Reply(stdout=f"{name.stack}\n")
    state = loaded(call, name)
    if args.has("json"):
        raise UnsupportedFeature(Feature.SUMMARY, "stack --output json")
    rows = "".join(f"{item.type}  {item.urn}  {item.id}\n" for item in state.resources)
    return Reply(stdout=f"Current stack is {name.stack}:\nCurrent stack resources ({len(state.resources)}):\n{rows}")


def ls(call: Call, args: Arguments) -> Reply:
    """List stacks."""
    if args.value("organization", "organization") != "organization":
        return Reply(stdout=pretty([]) if args.has("json") else "")
    project = args.value("project") or ("" if args.has("all") else call.project.name)
    key, equals, value = args.value("tag").partition("=")
    rows: list[Struct] = []
    for name in call.project.backend.stacks(project):
        tags = call.project.backend.tags(name) if key or equals else {}
        if (key or equals) and (key not in tags or (equals and tags[key] != value)):
            continue
        state = loaded(call, name)
        own = name.project == call.project.name and not args.has("fully-qualify-stack-names")
        row: Struct = {
            "name": name.stack if own else name.full,
            "current": name == call.selected(),
            "lastUpdate": f"{state.time[:19]}.000Z",
            "resourceCount": len(state.resources),
        }
        rows.append(row)
    if args.has("json"):
        return Reply(stdout=pretty([*rows]))
    return Reply(stdout=table(("name", "lastUpdate", "resourceCount"), rows))


def rm(call: Call, args: Arguments) -> Reply:
    """Remove a stack; one with resources only by force."""
    name = _named(call, args)
    call.require(name)
    asked.confirm_removal(args, call.project.environment)
    remove(call, name, force=args.has("force"), keep_settings=args.has("preserve-config"))
    if args.has("remove-backups"):
        call.project.backend.remove_backups(name)
    return Reply(stderr=f"Stack '{name.stack}' has been removed!\n")


def remove(call: Call, name: StackName, *, force: bool, keep_settings: bool) -> None:
    """Remove a stack with its history and, unless they are kept, its settings."""
    with locked(call, name):
        if loaded(call, name).resources and not force:
            raise Refusal(f"'{name.stack}' still has resources; removal rejected. Possible actions:")
        call.project.backend.remove(name)
    if not keep_settings:
        Settings(call.project.folder, name.stack).remove()
    if call.selected() == name:
        call.select(None)


def rename(call: Call, args: Arguments) -> Reply:
    """Give a stack another name: in every URN, its files and its settings."""
    old = call.stack(args)
    new = call.project.stack_name(args.operands[0])
    backend = call.project.backend
    call.require(old)
    if backend.exists(new):
        raise Refusal(f"stack '{new.full}' already exists")
    with locked(call, old):
        state = loaded(call, old)
        moved = Renaming(old, new).moved(state)
        backend.rename(old, new, _sealed_text(moved))
    settings, target = Settings(call.project.folder, old.stack), Settings(call.project.folder, new.stack)
    if settings.path.exists():
        settings.path.replace(target.path)
    if call.selected() in (old, None):
        call.select(new)
    return Reply(stderr=f"Renamed {old.stack} to {new.stack}\n")


def _sealed_text(state: Checkpoint) -> str:
    return json.dumps(checkpoints.document(state), separators=(",", ":"), ensure_ascii=False)


def tag(call: Call, args: Arguments) -> Reply:
    """Print a stack's tags, or one of them; set or remove one."""
    name, verb, words = call.stack(args), args.verb.rpartition(" ")[2], args.operands
    call.require(name)
    tags = call.project.backend.tags(name)
    if verb == "ls":
        shown: Struct = dict(sorted(tags.items()))
        rows = [{"name": key, "value": value} for key, value in shown.items()]
        return Reply(stdout=pretty(shown) if args.has("json") else table(("name", "value"), rows))
    key, *value = words
    if verb == "get" and key not in tags:
        raise Refusal(f"stack tag '{key}' not found for stack '{name.stack}'")
    if verb == "get":
        return Reply(stdout=f"{tags[key]}\n")
    left = {other: text for other, text in tags.items() if other != key}
    call.project.backend.write_tags(name, left | {key: value[0]} if verb == "set" else left)
    return Reply()


def cancel(call: Call, args: Arguments) -> Reply:
    """Remove all locks of a stack, whoever holds them."""
    name = _named(call, args)
    call.require(name)
    call.project.backend.locks(name).clear()
    return Reply(stdout=f"The currently running update for '{name.stack}' has been canceled!\n")


def whoami(call: Call, args: Arguments) -> Reply:
    """Print the user and the backend."""
    url = call.project.backend.url
    return Reply(stdout=pretty({"user": "sandbox", "url": url}) if args.has("json") else "sandbox\n")
