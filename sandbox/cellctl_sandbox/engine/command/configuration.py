"""Verbs about configuration: config, get, set, set-all, rm, refresh; keys by name or by path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cellctl.state.sealing import Vault
from cellctl.state.values import Struct, Value
from cellctl_sandbox.engine import paths
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.command.call import Call
from cellctl_sandbox.engine.command.project import config_values, is_sealed
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
        return self.key(f"{namespace}{colon}{parts[0]}"), parts[1:]


def show(call: Call, args: Arguments) -> Reply:
    """Print all configuration."""
    config = _Config(call, args)
    values = config.values(show=args.has("show-secrets"))
    if not args.has("json"):
        return Reply(stdout=_table(values, f"{config.name.project}:"))
    shown: Struct = {}
    for key, item in values.items():
        entry: Struct = {"value": item.value, "secret": item.secret}
        if item.secret and not args.has("show-secrets"):
            entry = {"secret": True}
        shown[key] = entry
    return Reply(stdout=pretty(shown))


def _table(values: Mapping[str, ConfigValue], own: str) -> str:
    rows = [("KEY", "VALUE"), *((key.removeprefix(own), item.value) for key, item in values.items())]
    width = max(len(key) for key, _ in rows)
    return "".join(f"{key:<{width}}  {value}\n" for key, value in rows)


def get(call: Call, args: Arguments) -> Reply:
    """Print one value."""
    config = _Config(call, args)
    text = args.words[2]
    key, path = config.split(text, by_path=args.has("path"))
    value: Value = config.settings.whole.get(key)
    for part in path:
        value = _member(value, part)
    if value is None:
        raise Refusal(f"configuration key '{text}' not found for stack '{config.name.stack}'")
    item = config_values({key: value}, config.vault() if '"secure"' in json.dumps(value) else None)[key]
    return Reply(stdout=pretty({"value": item.value, "secret": item.secret}) if args.has("json") else f"{item.value}\n")


def _member(value: Value, part: str | int) -> Value:
    if isinstance(value, dict) and not is_sealed(value):
        return value.get(str(part))
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def set_(call: Call, args: Arguments) -> Reply:
    """Set one value."""
    if len(args.words) < 4:
        raise Refusal("a key and a value are needed: nothing is read from a terminal")
    _set(_Config(call, args), [(args.words[2], args.words[3], args.has("secret"))], by_path=args.has("path"))
    return Reply()


def set_all(call: Call, args: Arguments) -> Reply:
    """Set many values at once, given one by one or as the JSON that `config --json --show-secrets` prints."""
    config = _Config(call, args)
    pairs, objects = _of_json(args.value("values")) if "values" in args.values else ((), {})
    config.settings.config |= {config.key(text): value for text, value in objects.items()}
    _set(config, [*args.pairs, *pairs], by_path=args.has("path"))
    return Reply()


def _of_json(text: str) -> tuple[Sequence[tuple[str, str, bool]], Mapping[str, Value]]:
    """Return the texts with their keys and whether each is a secret, and the objects by key."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Refusal(f"could not parse --json argument: {error}") from None
    items = document.items() if isinstance(document, dict) else ()
    if not all(isinstance(item, dict) for _, item in items):
        raise Refusal("could not parse --json argument: each key has an object with its value")
    objects = {key: item["objectValue"] for key, item in items if not item.get("secret") and "objectValue" in item}
    pairs = []
    for key, item in items:
        if key not in objects:
            if not isinstance(item.get("value"), str):
                raise Refusal(f"the value of configuration key '{key}' is not there: it is a secret that was not shown")
            pairs.append((key, item["value"], item.get("secret") is True))
    return pairs, objects


def _set(config: _Config, items: Sequence[tuple[str, str, bool]], *, by_path: bool) -> None:
    vault = config.vault() if any(secret for _, _, secret in items) else None
    for text, plain, secret in items:
        key, path = config.split(text, by_path=by_path)
        value: Value = {"secure": vault.sealer.seal(plain)} if secret and vault else plain
        if path and not secret:
            value = _scalar(plain)
        config.settings.config[key] = _placed(config.settings.config.get(key), path, value)
    config.settings.save()


def _scalar(text: str) -> Value:
    """Return a value set by path with its type: below the top, `1` and `true` are not strings."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.removeprefix("-").isdigit() and (text == "0" or not text.startswith("0")) else text


def _placed(old: Value, path: paths.Path, value: Value) -> Value:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        items = list(old) if isinstance(old, list) else []
        if head > len(items):
            raise Refusal(f"array index {head} is out of range")
        inner = items[head] if head < len(items) else None
        items[head : head + 1] = [_placed(inner, rest, value)]
        return items
    members = dict(old) if isinstance(old, dict) and not is_sealed(old) else {}
    members[head] = _placed(members.get(head), rest, value)
    return members


def rm(call: Call, args: Arguments) -> Reply:
    """Remove values; their absence is no error."""
    config = _Config(call, args)
    for text in args.words[2:]:
        key, path = config.split(text, by_path=args.has("path"))
        if not path:
            config.settings.config.pop(key, None)
        elif key in config.settings.config:
            config.settings.config[key] = _without(config.settings.config[key], path)
    config.settings.save()
    return Reply()


def _without(old: Value, path: paths.Path) -> Value:
    head, rest = path[0], path[1:]
    if isinstance(old, dict) and str(head) in old:
        if rest:
            return {**old, str(head): _without(old[str(head)], rest)}
        return {key: item for key, item in old.items() if key != head}
    if isinstance(old, list) and isinstance(head, int) and head < len(old):
        return [*old[:head], *([_without(old[head], rest)] if rest else []), *old[head + 1 :]]
    return old


def refresh(call: Call, args: Arguments) -> Reply:
    """Take the configuration of the last operation."""
    config = _Config(call, args)
    entries = call.project.backend.history(config.name, page_size=1)
    last = entries[0].get("config") if entries else None
    if not isinstance(last, dict):
        raise Refusal("no previous deployment")
    config.settings.config = last
    config.settings.save()
    return Reply()
