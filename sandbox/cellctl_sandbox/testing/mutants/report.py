"""The table of mutants as Markdown, and what such a table says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cellctl_sandbox.testing.mutants.catalogue import kept
from cellctl_sandbox.testing.mutants.trial import Caught

_ROW = re.compile(r"\| `(?P<id>[^`]+)` \| (?P<by>up|verify|stays) \|")
_LONGEST, _LONGEST_REASON = 140, 400
HEAD = """\
# What notices a wrong program

One thing is taken out of the program of a default cell: a rule, a route, a record, a link, a statement or an action of
a policy, a whole object, or an explicit dependency (what is no longer waited for then comes six hours late). Each of
these programs is brought up in a sandbox of its own and verified. `up` means that the run failed, `verify` that the
checks after it did. `stays` means that nothing notices: the entry in `testing/mutants/kept.toml` says why the program
has it nevertheless. A dependency that follows from others too is not listed: without it the order is the same.

Made by `make explore`. What the two programs make alike is made once: each run goes on with one of the whole program
that was cut off before the thing was asked for. `make test` brings up one program of each cloud from the beginning,
another one every day, and judges a larger sample on the account of a cell that came up: what its steps dialled is
dialled again, and every service does its work again, without the thing.
"""


def table(cloud: str, results: Sequence[Caught], *, on: str) -> str:
    """Return the section of one cloud; `on` is the day of the real runs."""
    counts = {by: sum(1 for item in results if (item.by or "stays") == by) for by in ("up", "verify", "stays")}
    said = ", ".join(f"{count} {by}" for by, count in counts.items())
    real = sum(1 for item in results if item.real)
    count = "all of them" if real == len(results) else f"{real} of them so far"
    lines = [f"## {cloud}", "", f"{len(results)} mutants, {count} brought up ({on}): {said}.", ""]
    lines += ["| taken out | noticed by | what it said |", "|---|---|---|"]
    lines += [_row(item) for item in sorted(results, key=lambda one: one.mutant.id)]
    return "\n".join(lines) + "\n"


def read(text: str, cloud: str) -> Mapping[str, str]:
    """Return what a table says of a cloud's mutants: id -> up, verify or stays."""
    section = text.partition(f"## {cloud}\n")[2].partition("\n## ")[0]
    return {match["id"]: match["by"] for match in _ROW.finditer(section)}


def reason(result: Caught) -> str:
    """Return why a mutant that nothing notices stays, `` if no entry says it."""
    return next((entry.reason for entry in kept() if entry.covers(result.mutant)), "")


def _row(result: Caught) -> str:
    said = " ".join((result.why if result.by else reason(result)).split()).replace("|", "/")
    longest = _LONGEST if result.by else _LONGEST_REASON
    short = said if len(said) <= longest else said[:longest].rstrip() + "…"
    return f"| `{result.mutant.id}` | {result.by or 'stays'} | {short} |"
