"""Verbs about what a stack holds: output, history, export, import."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from cellctl.state import checkpoint as checkpoints
from cellctl.state.backend import StackName
from cellctl.state.checkpoint import Checkpoint, CheckpointWriter, exported
from cellctl.state.files import write_atomically
from cellctl.state.resources import MalformedState
from cellctl.state.sealing import Vault, WrongPassphrase
from cellctl.state.values import Struct, Value, bare, contains_secret, is_secret
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.placing import text_of
from cellctl_sandbox.engine.command.project import config_values
from cellctl_sandbox.engine.command.replies import Refusal, Reply
from cellctl_sandbox.engine.command.stacks import loaded, locked, pretty, table

_SPECIAL = frozenset("\\'\"`${[|&;<>()*?!")
PAGE = 10  # entries of the history that are shown unless another number is asked for


def output(call: Call, args: Arguments) -> Reply:
    """Print the stack's outputs, or one of them."""
    name = call.stack(args)
    state = loaded(call, name)
    outputs = dict(state.root.outputs) if state.root else {}
    show = args.has("show-secrets")
    if show and contains_secret(outputs):
        outputs = _vault(call, name, state, "failed to decrypt").open_struct(outputs, "")
    shown = {key: bare(value) if show else _hidden(value) for key, value in outputs.items()}
    if args.has("shell") and args.has("json"):
        raise Refusal("only one of --json and --shell may be set")
    if args.operands:
        key = args.operands[0]
        if key not in shown:
            raise Refusal(f"current stack does not have output property '{key}'")
        shown = {key: shown[key]}
    if args.has("shell"):
        return Reply(stdout="".join(f"{key}={_word(_line(value))}\n" for key, value in sorted(shown.items())))
    if args.operands:
        value = shown[args.operands[0]]
        return Reply(stdout=pretty(value) if args.has("json") else f"{_line(value)}\n")
    if args.has("json"):
        return Reply(stdout=pretty(shown))
    rows = [{"output": key, "value": _line(value)} for key, value in sorted(shown.items())]
    return Reply(stdout=f"Current stack outputs ({len(rows)}):\n" + table(("output", "value"), rows))


def _line(value: Value) -> str:
    """Return an output as a terminal shows it: a text as it is, all else as JSON on one line."""
    return value if isinstance(value, str) else text_of(value)


def _word(text: str) -> str:
    """Return a text as one word of a shell: with backslashes, or in quotes where it has spaces."""
    if not text:
        return "''"
    if any(letter in " \t\n" for letter in text):
        parts = [f"'{part}'" if part else "" for part in text.split("'")]
        return "\\'".join(parts)
    word = "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in text)
    return f"\\{word}" if word.startswith("~") else word


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
        name, page_size=max(0, args.number("page-size", PAGE)), page=max(1, args.number("page", 1))
    )
    show = args.has("show-secrets")
    vault = call.project.vault(name) if show and '"secure"' in json.dumps(entries) else None
    rows = [_history_row(entry, vault) for entry in entries]
    if args.has("json"):
        return Reply(stdout=pretty([*rows]))
    return Reply(stdout=table(("kind", "result", "startTime", "message"), rows))


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
    if args.value("version"):
        raise Refusal("the current backend (file://) does not provide the ability to export previous deployments")
    if args.has("show-secrets"):
        vault = _vault(
            call, name, state, 'could not deserialize deployment: constructing secrets manager of type "passphrase"'
        )
        try:
            state = checkpoints.opened(state, vault)
        except WrongPassphrase as error:
            raise Refusal(f"could not deserialize deployment: {error}") from None
    text = pretty(exported(state, show_secrets=args.has("show-secrets")), 4)
    if args.value("file"):
        write_atomically(call.project.folder / args.value("file"), text.encode(), mode=0o600)
        return Reply()
    return Reply(stdout=text)


def import_(call: Call, args: Arguments) -> Reply:
    """Replace the state by an exported deployment."""
    name = call.stack(args)
    call.require(name)
    try:
        document = json.loads((call.project.folder / args.value("file")).read_text())
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
