"""Verbs about stacks: init, select, ls, rm, rename, output, history, export, import, tag, cancel, whoami."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cellctl.state import checkpoint as checkpoints
from cellctl.state.backend import StackExists, StackName, StackNotFound
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, exported
from cellctl.state.locks import StackLocked
from cellctl.state.resources import MalformedState, ResourceState
from cellctl.state.sealing import Vault, WrongPassphrase
from cellctl.state.values import Struct, Value, bare, contains_secret, is_secret
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.project import Settings, config_values
from cellctl_sandbox.engine.command.replies import STACK_NOT_FOUND, Refusal, Reply

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


def init(call: Call, args: Arguments) -> Reply:
    """Create an empty stack."""
    name = call.project.stack_name(args.words[2] if len(args.words) > 2 else args.value("stack"))
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
    if not args.has("no-select"):
        call.select(name)
    return Reply(stderr=f"Created stack '{name.stack}'\n")


def select(call: Call, args: Arguments) -> Reply:
    """Make a stack the current one."""
    name = call.project.stack_name(args.words[2] if len(args.words) > 2 else args.value("stack"))
    call.require(name)
    call.select(name)
    return Reply()


def ls(call: Call, args: Arguments) -> Reply:
    """List stacks."""
    rows: list[Value] = []
    for name in call.project.backend.stacks("" if args.has("all") else call.project.name):
        state = loaded(call, name)
        row: Struct = {
            "name": name.stack if name.project == call.project.name else name.full,
            "current": name == call.selected(),
            "lastUpdate": f"{state.time[:19]}.000Z",
            "resourceCount": len(state.resources),
        }
        rows.append(row)
    return Reply(stdout=pretty(rows))


def rm(call: Call, args: Arguments) -> Reply:
    """Remove a stack; one with resources only by force."""
    name = call.project.stack_name(args.words[2] if len(args.words) > 2 else args.value("stack"))
    call.require(name)
    with locked(call, name):
        if loaded(call, name).resources and not args.has("force"):
            raise Refusal(f"'{name.stack}' still has resources; removal rejected. Possible actions:")
        call.project.backend.remove(name)
    if not args.has("preserve-config"):
        Settings(call.project.folder, name.stack).remove()
    if call.selected() == name:
        call.select(None)
    return Reply(stderr=f"Stack '{name.stack}' has been removed!\n")


def rename(call: Call, args: Arguments) -> Reply:
    """Give a stack another name: in every URN, its files and its settings."""
    old = call.stack(args)
    new = call.project.stack_name(args.words[2])
    backend = call.project.backend
    call.require(old)
    if backend.exists(new):
        raise Refusal(f"stack '{new.full}' already exists")
    with locked(call, old):
        state = loaded(call, old)
        text = json.dumps(checkpoints.deployment_to_json(state), ensure_ascii=False)
        text = text.replace(f"urn:pulumi:{old.stack}::{old.project}::", f"urn:pulumi:{new.stack}::{new.project}::")
        moved = checkpoints.deployment_from_json(json.loads(text), stack=new.full)
        moved = replace(moved, resources=tuple(_renamed_root(item, old, new) for item in moved.resources))
        backend.rename(old, new, _sealed_text(moved))
    settings, target = Settings(call.project.folder, old.stack), Settings(call.project.folder, new.stack)
    if settings.path.exists():
        settings.path.replace(target.path)
    if call.selected() in (old, None):
        call.select(new)
    return Reply(stderr=f"Renamed {old.stack} to {new.stack}\n")


def _renamed_root(item: ResourceState, old: StackName, new: StackName) -> ResourceState:
    """Return the root stack resource under its new name, and others with their parent's new name."""
    before = f"pulumi:pulumi:Stack::{old.project}-{old.stack}"
    after = f"pulumi:pulumi:Stack::{new.project}-{new.stack}"
    return replace(item, urn=item.urn.replace(before, after), parent=item.parent.replace(before, after))


def _sealed_text(state: Checkpoint) -> str:
    return json.dumps(checkpoints.document(state), separators=(",", ":"), ensure_ascii=False)


def output(call: Call, args: Arguments) -> Reply:
    """Print the stack's outputs, or one of them."""
    name = call.stack(args)
    state = loaded(call, name)
    outputs = dict(state.root.outputs) if state.root else {}
    show = args.has("show-secrets")
    if show and contains_secret(outputs):
        outputs = _vault(call, name, state, "failed to decrypt").open_struct(outputs, "")
    shown = {key: bare(value) if show else _hidden(value) for key, value in outputs.items()}
    if len(args.words) > 2:
        key = args.words[2]
        if key not in shown:
            raise Refusal(f"current stack does not have output property '{key}'")
        value = shown[key]
        return Reply(stdout=pretty(value) if args.has("json") or not isinstance(value, str) else f"{value}\n")
    return Reply(stdout=pretty(shown))


def outputs_of_another(call: Call, given: str) -> Struct:
    """Return the opened outputs of the stack that a reference names: `stack` or `organization/project/stack`.

    Raises:
        ProviderError: There is no such stack, or its secrets cannot be opened.
    """
    parts = given.split("/")
    if len(parts) not in (1, 3) or (len(parts) == 3 and parts[0] != "organization"):
        raise ProviderError(f"'{given}' is no stack of this backend: organization/project/stack")
    name = StackName(project=parts[1] if len(parts) == 3 else call.project.name, stack=parts[-1])
    if not call.project.backend.exists(name):
        raise ProviderError(f"unknown stack '{given}'")
    try:
        state = loaded(call, name)
        outputs = dict(state.root.outputs) if state.root else {}
        return _vault(call, name, state, given).open_struct(outputs, "") if contains_secret(outputs) else outputs
    except (Refusal, WrongPassphrase) as error:
        raise ProviderError(f"the outputs of '{given}' cannot be read: {error}") from None


def _hidden(value: Value) -> Value:
    if is_secret(value):
        return "[secret]"
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else value


def _vault(call: Call, name: StackName, state: Checkpoint, prefix: str) -> Vault:
    """Return the vault of the state's own salt: what is in a checkpoint was sealed with it."""
    salt = str(state.secrets_state.get("salt") or "")
    try:
        return Vault(call.project.sealer(salt)) if salt else call.project.vault(name, state)
    except Refusal as error:
        raise Refusal(f"{prefix}: {error.message}") from None


def history(call: Call, args: Arguments) -> Reply:
    """Print past operations, newest first."""
    name = call.stack(args)
    call.require(name)
    entries = call.project.backend.history(
        name, page_size=args.number("page-size", 0), page=max(1, args.number("page", 1))
    )
    show = args.has("show-secrets")
    vault = call.project.vault(name) if show and '"secure"' in json.dumps(entries) else None
    rows: list[Value] = [_history_row(entry, vault) for entry in entries]
    return Reply(stdout=pretty(rows))


def _history_row(entry: Struct, vault: Vault | None) -> Struct:
    config = entry.get("config")
    values = config_values(config if isinstance(config, dict) else {}, vault)
    shown: Struct = {
        key: {"value": item.value, "secret": item.secret} if vault or not item.secret else {"secret": True}
        for key, item in values.items()
    }
    times: Struct = {key: _time(entry.get(key)) for key in ("startTime", "endTime")}
    return {**entry, "config": shown, **times}


def _time(value: Value) -> str:
    seconds = value if isinstance(value, int | float) else 0
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def export(call: Call, args: Arguments) -> Reply:
    """Print the deployment, secrets sealed or, if asked for, in clear."""
    name = call.stack(args)
    state = loaded(call, name)
    if args.has("show-secrets"):
        vault = _vault(
            call, name, state, 'could not deserialize deployment: constructing secrets manager of type "passphrase"'
        )
        try:
            state = checkpoints.opened(state, vault)
        except WrongPassphrase as error:
            raise Refusal(f"could not deserialize deployment: {error}") from None
    return Reply(stdout=pretty(exported(state, show_secrets=args.has("show-secrets")), 4))


def import_(call: Call, args: Arguments) -> Reply:
    """Replace the state by an exported deployment."""
    name = call.stack(args)
    call.require(name)
    try:
        document = json.loads(Path(args.value("file")).read_text())
        deployment = checkpoints.readable(document)["deployment"]
        # An export tells what was; what was under way when it was made is not under way now.
        state = replace(checkpoints.deployment_from_json(deployment, stack=name.full), pending=())
    except (OSError, ValueError, KeyError, MalformedState) as error:
        raise Refusal(f"could not deserialize deployment: {error}") from None
    for item in state.resources:
        if not item.urn.startswith(f"urn:pulumi:{name.stack}::{name.project}::") and not args.has("force"):
            raise Refusal(f"resource '{item.urn}' has a URN of another stack")
    problem = checkpoints.integrity_problem(state)
    if problem and not args.has("force"):
        raise Refusal(f"state file contains errors: {problem}")
    vault = call.project.vault(name, loaded(call, name))
    try:
        with locked(call, name):
            opened = checkpoints.opened(state, vault)
            opened = replace(opened, secrets_kind=vault.sealer.kind, secrets_state=vault.sealer.state)
            call.project.backend.write(name, CheckpointWriter(vault).text(opened))
    except Refusal as error:
        raise Refusal(f"could not import deployment: {error.message}") from None
    return Reply(stdout="Import complete.\n")


def tag(call: Call, args: Arguments) -> Reply:
    """Print a stack's tags, or one of them; set or remove one."""
    name, (verb, *words) = call.stack(args), args.words[2:]
    call.require(name)
    tags = call.project.backend.tags(name)
    if verb == "ls":
        shown: Struct = dict(sorted(tags.items()))
        return Reply(stdout=pretty(shown))
    if len(words) != (2 if verb == "set" else 1):
        raise Refusal(f"accepts {2 if verb == 'set' else 1} arg(s), received {len(words)}")
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
    name = call.project.stack_name(args.words[1]) if len(args.words) > 1 else call.stack(args)
    call.require(name)
    call.project.backend.locks(name).clear()
    return Reply(stdout=f"The currently running update for '{name.stack}' has been canceled!\n")


def whoami(call: Call, args: Arguments) -> Reply:
    """Print the user and the backend."""
    url = call.project.backend.url
    return Reply(stdout=pretty({"user": "sandbox", "url": url}) if args.has("json") else "sandbox\n")
