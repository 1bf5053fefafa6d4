"""Small words that every view shares: durations, counts, names of types and components."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from cellctl.plan import Diagnostic

SANDBOX_NOTE = "sandbox: nothing real is created"
PHASES = {
    "preview": "looking at what would change",
    "unprotect": "taking protection off",
    "apply": "applying",
    "destroy": "removing",
    "refresh": "reading the cloud",
    "verify": "checking that the cell answers",
    "alarms": "asking how alarms stand",
    "gates": "trying the gates of gateways",
    "scrub": "counting what a bucket holds",
    "repair": "repairing what an earlier run left",
}
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def duration(seconds: float) -> str:
    """Return `m:ss`, or `h:mm:ss` from one hour on; fractions are dropped."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def command(verb: str, name: str) -> str:
    """Return `cellctl VERB acme`, or `cellctl reef VERB r1` for `reef/r1`."""
    level, _, short = name.rpartition("/")
    return f"cellctl {level} {verb} {short}" if level else f"cellctl {verb} {short}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return `1 cell`, `2 cells`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def said(diagnostic: Diagnostic) -> str:
    """Return `warning: NAME: message`, the name of the resource only where the message does not begin with it."""
    name = diagnostic.urn.rpartition("::")[2]
    about = f"{name}: " if name and not diagnostic.message.startswith(name) else ""
    return f"{diagnostic.severity}: {about}{diagnostic.message}"


def type_name(token: str) -> str:
    """Return what people call a type: `rds Instance` for `aws:rds/instance:Instance`, `Network` for a component."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    if package in ("cells", "pulumi"):
        return name
    service = module.partition("/")[0]
    return f"{service} {name}" if service and service != "index" else name


def component_name(token: str) -> str:
    """Return a component's type in lower-case words: `cells:aws:SqlServerHost` is `sql server host`."""
    return _CAPITALS.sub(" ", token.rpartition(":")[2]).lower()


def tally(names: Iterable[str], limit: int) -> str:
    """Return `6 ec2 Subnet, 3 ec2 NatGateway, and 4 more types`, most frequent first, at most `limit` kinds."""
    counted = Counter(names).most_common()
    shown = [f"{number} {name}" if number > 1 else name for name, number in counted[:limit]]
    hidden = len(counted) - limit
    if hidden > 0:
        shown.append(f"and {count(hidden, 'more type')}")
    return ", ".join(shown)


def fit(text: str, width: int) -> str:
    """Return `text` cut to `width` columns with an ellipsis; never longer."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 0 else ""
