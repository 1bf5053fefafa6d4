"""The flags of each verb, as the CLI 3.260 has them; which of them only change what is shown.

One word is a flag: `name` is a switch, `name=` takes a value, `name#` a whole number, `name?` may have a value;
`x|name` has a short form. A flag of `refusals.FLAGS` is refused, one of `SHOWN` is taken and changes nothing but text
that this engine does not write, all others do what they do in the CLI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["switch", "value", "number", "optional"]
_KINDS: Mapping[str, Kind] = {"=": "value", "#": "number", "?": "optional"}
_WITHOUT: Mapping[str, str] = {"suppress-permalink": "false", "attach-debugger": "program"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One flag. `without`: what it means where an optional value is not given."""

    name: str
    short: str = ""
    kind: Kind = "switch"
    without: str = "true"


GLOBAL = """
    color= C|cwd= disable-integrity-checking e|emoji Q|fully-qualify-stack-names logflow logtostderr memprofilerate#
    non-interactive otel-traces= profiling= tracing= tracing-header= v|verbose#
"""
_STACK = "s|stack="
_OUTPUT = "output= j|json"  # --json is another word for --output json
_OPERATION = f"""
    {_STACK} client= exec-kind= exec-agent= event-log= c|config= config-file= config-path override-env= d|debug diff
    j|json output= m|message= p|parallel# t|target= target-dependents run-program skip-config-validation
    skip-plugin-pre-install show-replacement-steps show-sames suppress-outputs suppress-permalink? suppress-progress
    urns neo copilot
"""
_PROGRAM = """
    attach-debugger? exclude-dependents expect-no-changes ignore-protect policy-pack= policy-pack-config= r|refresh?
    replace= target-replace= show-config show-full-output show-policy-remediations show-reads show-secrets
    neo-task-on-failure
"""
_CONFIG = f"{_STACK} config-file="
_STATE = f"{_STACK} y|yes"
_UP = f"{_OPERATION} {_PROGRAM} exclude= continue-on-error plan= secrets-provider= f|skip-preview strict y|yes"

_VERBS: Mapping[str, str] = {
    "up": _UP,
    "update": _UP,
    "preview": f"{_OPERATION} {_PROGRAM} x|exclude= import-file= save-plan=",
    "refresh": f"""{_OPERATION} x|exclude= exclude-dependents expect-no-changes clear-pending-creates
        import-pending-creates= preview-only skip-pending-creates f|skip-preview y|yes""",
    "destroy": f"""{_OPERATION} x|exclude= continue-on-error exclude-protected ignore-protect preview-only r|refresh?
        remove show-config show-full-output f|skip-preview y|yes""",
    "cancel": _STATE,
    "whoami": f"{_OUTPUT} v|verbose",
    "version": "",
    "plugin ls": f"{_OUTPUT} p|project",
    "stack": f"{_STACK} {_OUTPUT} i|show-ids show-name show-secrets u|show-urns",
    "stack init": f"{_STACK} copy-config-from= no-select remote-config secrets-provider= teams= y|yes",
    "stack select": f"{_STACK} c|create secrets-provider=",
    "stack ls": f"{_OUTPUT} {_STACK} a|all o|organization= p|project= t|tag=",
    "stack rm": f"{_STATE} f|force preserve-config remove-backups",
    "stack rename": _STACK,
    "stack output": f"{_STACK} j|json shell show-secrets",
    "stack history": f"{_STACK} {_OUTPUT} full-dates page# page-size# show-secrets",
    "stack export": f"{_STACK} file= show-secrets version=",
    "stack import": f"{_STACK} file= f|force",
    "stack tag ls": f"{_STACK} {_OUTPUT}",
    "stack tag get": _STACK,
    "stack tag set": _STACK,
    "stack tag rm": _STACK,
    "config": f"{_CONFIG} j|json open show-secrets",
    "config get": f"{_CONFIG} j|json open path",
    "config set": f"{_CONFIG} path plaintext raw secret type=",
    "config set-all": f"{_CONFIG} json= path plaintext= secret=",
    "config rm": f"{_CONFIG} path",
    "config rm-all": f"{_CONFIG} path",
    "config refresh": f"{_CONFIG} f|force",
    "state unprotect": f"{_STATE} all",
    "state protect": f"{_STATE} all",
    "state taint": _STATE,
    "state untaint": f"{_STATE} all",
    "state delete": f"{_STATE} all force target-dependents",
    "state rename": _STATE,
    "state repair": _STATE,
}

SHOWN = frozenset(
    (
        *("color", "emoji", "logflow", "logtostderr", "non-interactive", "verbose", "exec-agent", "debug", "diff"),
        *("urns", "neo", "copilot", "neo-task-on-failure", "show-config", "show-full-output", "show-ids"),
        *("show-policy-remediations", "show-reads", "show-urns", "suppress-outputs", "suppress-permalink"),
        *("suppress-progress", "full-dates", "open", "raw", "skip-plugin-pre-install"),
    )
)
"""Flags without effect: there are no environments to open, no plugins to install, and no terminal to read from."""

EXCLUSIVE: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (frozenset(("up", "update", "preview", "refresh", "destroy")), ("target", "exclude")),
    (frozenset(("destroy",)), ("exclude-protected", "ignore-protect")),
    (frozenset(("config set",)), ("secret", "plaintext", "type")),
    (
        frozenset(
            ("up", "whoami", "plugin ls", "stack", "stack ls", "stack history", "stack tag ls", "preview", "refresh")
        ),
        ("json", "output"),
    ),
)
"""Flags that cannot be given together."""


def _flag(word: str) -> Flag:
    name = word.rstrip("=#?")
    short, bar, long = name.partition("|")
    name = long if bar else name
    return Flag(
        name=name,
        short=short if bar else "",
        kind=_KINDS.get(word[-1], "switch"),
        without=_WITHOUT.get(name, "true"),
    )


TABLE: Mapping[str, Mapping[str, Flag]] = {
    verb: {flag.name: flag for flag in map(_flag, [*GLOBAL.split(), *text.split()])} for verb, text in _VERBS.items()
}
"""The flags of each verb by name, those of all verbs included; a verb's own stands for one of all verbs."""
