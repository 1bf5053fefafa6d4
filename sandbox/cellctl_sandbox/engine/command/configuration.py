"""Verbs about configuration: config, get, set, set-all, rm, refresh; keys by name or by path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cellctl.state.sealing import Vault
from cellctl.state.values import Struct, Value
from cellctl_sandbox.engine import paths
from cellctl_sandbox.engine.command import placing
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.placing import is_sealed
from cellctl_sandbox.engine.command.project import config_values
from cellctl_sandbox.engine.command.replies import Refusal, Reply
from cellctl_sandbox.engine.command.stacks import pretty
from cellctl_sandbox.engine.scope import ConfigValue


class _Config:
    """The configuration of one stack during one call; the vault is opened only if it is needed."""

    def __init__(self, call: Call, args: Arguments) -> None:
        self.call = call
        self.name = call.stack(args)
        call.require(self.name)
        self.settings = call.project.settings(self.name)

    def vault(self) -> Vault:
        """Return the stack's vault."""
        return self.call.project.vault(self.name, self.call.project.backend.read(self.name).checkpoint)

    def values(self, *, show: bool) -> dict[str, ConfigValue]:
        """Return all values, secrets opened or masked."""
        whole = self.settings.whole
        sealed = show and '"secure"' in json.dumps(whole)
        return config_values(whole, self.vault() if sealed else None)

    def key(self, text: str) -> str:
        """Return a key with its namespace: the project's unless one is given."""
        parts = text.split(":")
        if len(parts) == 3 and parts[1] == "config":
            del parts[1]
        if len(parts) > 2:
            raise Refusal(f"invalid configuration key: could not parse {text} as `<namespace>:<name>`")
        return ":".join(parts if len(parts) == 2 else [self.name.project, text])

    def split(self, text: str, *, by_path: bool) -> tuple[str, paths.Path]:
        """Return the key, and the path below it."""
        if not by_path:
            return self.key(text), ()
        namespace, colon, rest = text.rpartition(":")
        try:
            parts = paths.parse(rest)
        except paths.BadPath as error:
            raise Refusal(f"invalid config key path: {error}") from None
        if not parts or not isinstance(parts[0], str) or not parts[0]:
            raise Refusal("the path of a configuration key begins with a name")
        return self.key(f"{namespace}{colon}{parts[0]}"), parts[1:]


def show(call: Call, args: Arguments) -> Reply:
    """Print all configuration."""
    config = _Config(call, args)
    values = config.values(show=args.has("show-secrets"))
    if not args.has("json"):
        return Reply(stdout=_table(values, f"{config.name.project}:"))
    whole, hidden = config.settings.whole, not args.has("show-secrets")
    shown: Struct = {key: _entry(whole[key], item, hidden=hidden) for key, item in values.items()}
    return Reply(stdout=pretty(shown))


def _entry(value: Value, item: ConfigValue, *, hidden: bool = False) -> Struct:
    """Return one value as JSON shows it: an object as text and as what it is."""
    if item.secret and hidden:
        return {"secret": True}
    is_object = isinstance(value, list | dict) and not is_sealed(value)
    opened: Struct = {"objectValue": json.loads(item.value)} if is_object else {}
    return {"value": item.value, **opened, "secret": item.secret}


def _table(values: Mapping[str, ConfigValue], own: str) -> str:
    rows = [("KEY", "VALUE"), *((key.removeprefix(own), item.value) for key, item in values.items())]
    width = max(len(key) for key, _ in rows)
    return "".join(f"{key:<{width}}  {value}\n" for key, value in rows)


def get(call: Call, args: Arguments) -> Reply:
    """Print one value."""
    config = _Config(call, args)
    text = args.operands[0]
    key, path = config.split(text, by_path=args.has("path"))
    value = placing.member(config.settings.whole.get(key), path)
    if value is None:
        raise Refusal(f"configuration key '{text}' not found for stack '{config.name.stack}'")
    item = config_values({key: value}, config.vault() if '"secure"' in json.dumps(value) else None)[key]
    return Reply(stdout=pretty(_entry(value, item)) if args.has("json") else f"{item.value}\n")


def set_(call: Call, args: Arguments) -> Reply:
    """Set one value."""
    config = _Config(call, args)
    if len(args.operands) < 2:
        raise Refusal("a key and a value are needed: nothing is read from a terminal")
    key, plain = args.operands
    _set(config, [(key, plain, args.has("secret"))], by_path=args.has("path"), kind=args.value("type"))
    return Reply()


def set_all(call: Call, args: Arguments) -> Reply:
    """Set many values at once, given one by one or as the JSON that `config --json --show-secrets` prints."""
    config, by_path = _Config(call, args), args.has("path")
    pairs = [*_pairs(args, "plaintext"), *_pairs(args, "secret")]
    if args.value("json"):
        if pairs or by_path:
            raise Refusal("the --json option cannot be used with the --plaintext, --secret or --path options")
        pairs, objects = _of_json(args.value("json"))
        config.settings.config |= {config.key(text): value for text, value in objects.items()}
    _set(config, pairs, by_path=by_path)
    return Reply()


def _pairs(args: Arguments, flag: str) -> list[tuple[str, str, bool]]:
    pairs = []
    for text in args.values.get(flag, ()):
        key, equals, value = text.partition("=")
        if not equals:
            raise Refusal("config value must be in the form [key]=[value]")
        pairs.append((key, value, flag == "secret"))
    return pairs


def _of_json(text: str) -> tuple[list[tuple[str, str, bool]], dict[str, Value]]:
    """Return the texts with their keys and whether each is a secret, and the objects by key."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Refusal(f"could not parse --json argument: {error}") from None
    if not isinstance(document, dict) or not all(isinstance(item, dict) for item in document.values()):
        raise Refusal("could not parse --json argument: each key has an object with its value")
    pairs, objects = [], {}
    for key, item in document.items():
        value, secret = item.get("value"), item.get("secret") is True
        if not isinstance(value, str):
            raise Refusal(f"the value of configuration key '{key}' is not there: it is a secret that was not shown")
        if item.get("objectValue") is None:
            pairs.append((key, value, secret))
        elif secret:
            raise Refusal(f"configuration key '{key}' is an object with secrets: set these by --path")
        else:
            objects[key] = _parsed(key, value)
    return pairs, objects


def _parsed(key: str, text: str) -> Value:
    try:
        value: Value = json.loads(text)
    except ValueError as error:
        raise Refusal(f"the value of configuration key '{key}' is not the JSON of an object: {error}") from None
    return value


def told(call: Call, args: Arguments) -> None:
    """Set what an operation was told by `--config key=value`: it stays, as in the CLI."""
    if not args.values.get("config"):
        return
    pairs = [text.partition("=") for text in args.values["config"]]
    _set(_Config(call, args), [(key, value, False) for key, _, value in pairs], by_path=args.has("config-path"))


def _set(config: _Config, items: Sequence[tuple[str, str, bool]], *, by_path: bool, kind: str = "") -> None:
    vault = config.vault() if any(secret for _, _, secret in items) else None
    for text, plain, secret in items:
        key, path = config.split(text, by_path=by_path)
        value: Value = {"secure": vault.sealer.seal(plain)} if secret and vault else plain
        if not secret and (kind or path):
            value = placing.typed(plain, kind) if kind else placing.scalar(plain)
        config.settings.config[key] = placing.placed(config.settings.config.get(key), path, value, (key,))
    config.settings.save()


def rm(call: Call, args: Arguments) -> Reply:
    """Remove values; their absence is no error."""
    config = _Config(call, args)
    for text in args.operands:
        key, path = config.split(text, by_path=args.has("path"))
        if not path:
            config.settings.config.pop(key, None)
        elif key in config.settings.config:
            config.settings.config[key] = placing.without(config.settings.config[key], path)
    config.settings.save()
    return Reply()


def refresh(call: Call, args: Arguments) -> Reply:
    """Take the configuration of the last operation."""
    config = _Config(call, args)
    entries = call.project.backend.history(config.name, page_size=1)
    last = entries[0].get("config") if entries else None
    if not isinstance(last, dict):
        raise Refusal("no previous deployment")
    if not args.has("force"):
        config.settings.keep()
    config.settings.config = last
    config.settings.save()
    return Reply()
