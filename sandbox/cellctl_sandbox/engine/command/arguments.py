"""Parsing the CLI's argument vectors: verb, flags, operands. What is not known is refused, as the CLI refuses it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellctl_sandbox.engine.command.flags import EXCLUSIVE, TABLE, Flag
from cellctl_sandbox.engine.command.replies import Refusal
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import FLAGS, VERBS, Feature

_ALIASES: Mapping[str, str] = {
    "update": "up", "down": "destroy", "dn": "destroy", "plugin list": "plugin ls",
    "stack new": "stack init", "stack create": "stack init", "stack setup": "stack init", "stack list": "stack ls",
    "stack remove": "stack rm", "stack delete": "stack rm", "stack hist": "stack history",
    "stack tag list": "stack tag ls", "stack tag remove": "stack tag rm", "stack tag delete": "stack tag rm",
    "config remove": "config rm", "config delete": "config rm",
    "config remove-all": "config rm-all", "config delete-all": "config rm-all",
    "state remove": "state delete", "state rm": "state delete",
}  # fmt: skip
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_PREFIX = "PULUMI_OPTION_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """A parsed vector: verb, operands, switches that are on, those turned off, and values (each may be many)."""

    verb: str
    operands: tuple[str, ...] = ()
    switches: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def value(self, name: str, default: str = "") -> str:
        """Return the last value of a flag."""
        given = self.values.get(name)
        return given[-1] if given else default

    def has(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return name in self.switches

    def number(self, name: str, default: int) -> int:
        """Return the value of a flag as a whole number."""
        return int(self.value(name) or default)


class _Parser:
    """Collects what the tokens of one vector say."""

    def __init__(self, flags: Mapping[str, Flag], rest: list[str]) -> None:
        self.flags, self.rest = flags, rest
        self.shorts = {flag.short: flag for flag in flags.values() if flag.short}
        self.words: list[str] = []
        self.switches: dict[str, bool] = {}
        self.values: dict[str, list[str]] = {}

    def run(self) -> None:
        while self.rest:
            item = self.rest.pop(0)
            if item == "--":
                self.words.extend(self.rest)
                return
            if item.startswith("--"):
                self.long(item[2:])
            elif item.startswith("-") and item != "-":
                self.short(item[1:], item)
            else:
                self.words.append(item)

    def long(self, text: str) -> None:
        name, equals, given = text.partition("=")
        flag = self.flags.get(name)
        if flag is None:
            if name == "remote" or name.startswith("remote-"):
                raise UnsupportedFeature(Feature.REMOTE, f"--{name}")
            raise Refusal(f"unknown flag: --{name}")
        if equals:
            self.take(flag, given)
        elif flag.kind in ("switch", "optional"):
            self.take(flag, flag.without)
        else:
            self.take(flag, self.next(f"--{name}"))

    def short(self, letters: str, item: str) -> None:
        """Take `-abc`: switches one by one, or a flag with the rest as its value."""
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self.shorts.get(letter)
            if flag is None:
                raise Refusal(f"unknown shorthand flag: '{letter}' in {item}")
            if letters.startswith("="):
                self.take(flag, letters[1:])
                return
            if flag.kind in ("switch", "optional"):
                self.take(flag, flag.without)
                continue
            self.take(flag, letters or self.next(f"'{letter}' in {item}"))
            return

    def next(self, told: str) -> str:
        if not self.rest:
            raise Refusal(f"flag needs an argument: {told}")
        return self.rest.pop(0)

    def take(self, flag: Flag, given: str) -> None:
        if flag.kind == "switch":
            if given not in _TRUE + _FALSE:
                raise Refusal(f'invalid argument "{given}" for "--{flag.name}" flag: it is true or false')
            self.switches[flag.name] = given in _TRUE
            return
        if flag.kind == "number" and not given.removeprefix("-").isdigit():
            raise Refusal(f'invalid argument "{given}" for "--{flag.name}" flag: it is a whole number')
        self.values.setdefault(flag.name, []).append(given)

    def environment(self, variables: Mapping[str, str]) -> None:
        """Take the flags that are not given from `PULUMI_OPTION_<FLAG>`."""
        for name, flag in self.flags.items():
            given = variables.get(_PREFIX + name.replace("-", "_").upper())
            if not given or name in self.switches or name in self.values:
                continue
            if flag.kind == "switch":
                if given.lower() in ("true", "1", "false", "0"):
                    self.switches[name] = given.lower() in ("true", "1")
            else:
                self.values[name] = next(csv.reader([given]), [given])


def parse(args: Sequence[str], environment: Mapping[str, str]) -> Arguments:
    """Return the parsed vector.

    Raises:
        Refusal: An unknown verb or flag, a value of the wrong kind, flags that exclude each other.
        UnsupportedFeature: A verb or a flag of a feature that this engine does not have.
    """
    verb, words = _verb(args)
    parser = _Parser(TABLE[verb], list(args))
    parser.run()
    given = {*parser.switches, *parser.values}
    parser.environment(environment)
    for verbs, names in EXCLUSIVE:
        both = [name for name in names if name in given]
        if verb in verbs and len(both) > 1:
            raise Refusal(
                f"if any flags in the group [{' '.join(names)}] are set none of the others can be; "
                f"[{' '.join(sorted(both))}] were all set"
            )
    switches = {name for name, on in parser.switches.items() if on}
    _refuse_unsupported(switches, parser.values)
    switches |= _json(verb, parser.values)
    return Arguments(
        verb=verb,
        operands=tuple(parser.words[words:]),
        switches=frozenset(switches),
        off=frozenset(name for name, on in parser.switches.items() if not on),
        values={name: tuple(items) for name, items in parser.values.items()},
    )


def _verb(args: Sequence[str]) -> tuple[str, int]:
    """Return the verb by its usual name, and how many words it has."""
    verb, count, flags = "", 0, TABLE["version"]
    rest = list(args)
    while rest:
        item = rest.pop(0)
        if item.startswith("-") and item != "-":
            flag = _looked_up(item, flags)
            if flag and flag.kind in ("value", "number") and "=" not in item and rest:
                rest.pop(0)
            continue
        named = f"{verb} {item}" if verb else item
        named = _ALIASES.get(named, named)
        known = named in TABLE or any(other.startswith(f"{named} ") for other in TABLE)
        if named in VERBS and not known:
            raise UnsupportedFeature(VERBS[named], named)
        if not known:
            break
        verb, count, flags = named, count + 1, TABLE.get(named, flags)
    if verb not in TABLE:
        if verb in VERBS:
            raise UnsupportedFeature(VERBS[verb], verb)
        given = " ".join(item for item in args if not item.startswith("-"))
        raise Refusal(f'unknown command "{given}" for "pulumi"')
    return verb, count


def _looked_up(item: str, flags: Mapping[str, Flag]) -> Flag | None:
    if item.startswith("--"):
        return flags.get(item[2:].partition("=")[0])
    return next((flag for flag in flags.values() if flag.short and item == f"-{flag.short}"), None)


def _json(verb: str, values: Mapping[str, Sequence[str]]) -> set[str]:
    """Return `--output json` as the switch that it is another word for."""
    given = values.get("output", ["default"])[-1]
    if given not in ("", "default", "json"):
        raise Refusal(f'output "{given}" not supported, valid values are: default or json')
    if given == "json" and verb in ("up", "preview", "refresh", "destroy"):
        raise UnsupportedFeature(Feature.SUMMARY, "--output json")
    return {"json"} if given == "json" else set()


def _refuse_unsupported(switches: set[str], values: Mapping[str, Sequence[str]]) -> None:
    for name, feature in FLAGS.items():
        if name in switches or any(values.get(name, ())):
            raise UnsupportedFeature(feature, f"--{name}")
