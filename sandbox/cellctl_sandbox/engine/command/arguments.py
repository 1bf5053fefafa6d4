"""Parsing the CLI's argument vectors: verbs, flags, operands. What is not known is refused, as the CLI refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellctl_sandbox.engine.command.replies import Refusal
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import FLAGS

_SWITCHES = frozenset(
    [
        "non-interactive",
        "yes",
        "skip-preview",
        "json",
        "show-secrets",
        "force",
        "all",
        "path",
        "expect-no-changes",
        "refresh",
        "preview-only",
        "diff",
        "debug",
        "suppress-outputs",
        "suppress-progress",
        "suppress-permalink",
        "remove",
        "preserve-config",
        "no-select",
        "logtostderr",
        "logflow",
        "clear-pending-creates",
        "exclude-protected",
        "show-replacement-steps",
        "show-sames",
        "show-config",
        "show-full-output",
        "show-reads",
        "show-urns",
        "show-name",
        "show-ids",
        "keep-event-log",
        "skip-pending-creates",
        "skip-install-dependencies",
        "strict",
        "continue-on-error",
        "target-dependents",
        "exclude-dependents",
        "run-program",
        "attach-debugger",
        "copy-config",
        "skip-plugin-pre-install",
    ]
)
_VALUES = frozenset(
    [
        "stack",
        "client",
        "exec-kind",
        "exec-agent",
        "event-log",
        "message",
        "parallel",
        "replace",
        "target",
        "exclude",
        "plan",
        "save-plan",
        "policy-pack",
        "policy-pack-config",
        "color",
        "page-size",
        "page",
        "file",
        "cwd",
        "verbose",
        "tracing",
        "profiling",
        "secrets-provider",
        "project",
        "config-file",
        "organization",
        "tag",
        "import-pending-creates",
        "config",
        "template",
    ]
)
_SHORT: Mapping[str, str] = {"-s": "stack", "-y": "yes", "-j": "json", "-f": "force", "-m": "message", "-p": "parallel"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """A parsed vector: leading words and operands in order, switches, and values (each may be given many times)."""

    words: tuple[str, ...]
    switches: frozenset[str] = frozenset()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pairs: tuple[tuple[str, str, bool], ...] = ()

    def value(self, name: str, default: str = "") -> str:
        """Return the last value of a flag."""
        given = self.values.get(name)
        return given[-1] if given else default

    def has(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return name in self.switches

    def number(self, name: str, default: int) -> int:
        """Return the value of a flag as a whole number."""
        text = self.value(name)
        if not text:
            return default
        if not text.isdigit():
            raise Refusal(f'invalid argument "{text}" for "--{name}" flag')
        return int(text)


def parse(args: Sequence[str]) -> Arguments:
    """Return the parsed vector.

    Raises:
        Refusal: An unknown flag.
        UnsupportedFeature: A flag of a feature that this engine does not have.
    """
    words: list[str] = []
    switches: set[str] = set()
    values: dict[str, list[str]] = {}
    pairs: list[tuple[str, str, bool]] = []
    rest = list(args)
    while rest:
        item = rest.pop(0)
        if item == "--":
            words.extend(rest)
            break
        if not item.startswith("-") or item == "-":
            words.append(item)
            continue
        name, equals, given = item.removeprefix("--").partition("=")
        name = _SHORT.get(item, name)
        if name in ("secret", "plaintext"):
            _mark(name, words, rest, switches, pairs)
        elif name == "json" and words[:2] == ["config", "set-all"]:
            values["values"] = [given if equals else rest.pop(0) if rest else ""]
        elif name in _SWITCHES:
            if not equals or given == "true":
                switches.add(name)
        elif name in _VALUES:
            values.setdefault(name, []).append(given if equals else rest.pop(0) if rest else "")
        else:
            raise Refusal(f"unknown flag: --{name}")
    _refuse_unsupported(switches, values)
    given_values = {name: tuple(items) for name, items in values.items()}
    return Arguments(words=tuple(words), switches=frozenset(switches), values=given_values, pairs=tuple(pairs))


def _mark(name: str, words: list[str], rest: list[str], switches: set[str], pairs: list[tuple[str, str, bool]]) -> None:
    """`--secret` is a switch of `config set` and takes `key=value` in `config set-all`."""
    if words[:2] == ["config", "set-all"]:
        key, _, value = (rest.pop(0) if rest else "").partition("=")
        pairs.append((key, value, name == "secret"))
    else:
        switches.add(name)


def _refuse_unsupported(switches: set[str], values: dict[str, list[str]]) -> None:
    for name, feature in FLAGS.items():
        if name in switches or any(values.get(name, ())):
            raise UnsupportedFeature(feature, f"--{name}")
