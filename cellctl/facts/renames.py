"""What programs called otherwise in an older version, as data: `renamed/<cloud>.toml` beside this module.

Each entry is an alias that a program gives its resources (`cellctl_stacks.renamed`), for two minor versions: the one
that renamed and the next. Stacks of the last two minors are previewed without a loss, so one that is older needs no
alias any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table

FOLDER = Path(__file__).parent / "renamed"
STAYS = 2
"""For how many minor versions an alias stays."""
_MINOR = re.compile(r"(\d+)\.(\d+)(\..*)?")
_STAR = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Renamed:
    """One rename. `was` and `now` are types, or logical names that begin with a star; then `of` is the type.

    `since` is the minor version that renamed it.
    """

    was: str
    now: str
    since: str
    of: str = ""

    def former_type(self, type_: str) -> str:
        """Return what a type was called, `` where this is not about it."""
        return self.was if not self.of and type_ == self.now else ""

    def former_name(self, type_: str, name: str) -> str:
        """Return what a resource of a type and name was called, `` where this is not about it."""
        ending = self.now.removeprefix(_STAR)
        if not self.of or type_ != self.of or not name.endswith(ending):
            return ""
        return f"{name[: -len(ending)]}{self.was.removeprefix(_STAR)}"


@lru_cache(maxsize=4)
def renames(cloud: str) -> tuple[Renamed, ...]:
    """Return what the programs of a cloud renamed, the latest first.

    Raises:
        FactsError: The file breaks the format.
    """
    table = Table.load(FOLDER / f"{cloud}.toml")
    found = [_renamed(entry) for entry in table.tables("renamed")]
    table.end()
    return tuple(sorted(found, key=lambda one: minor(one.since), reverse=True))


def overdue(found: Iterable[Renamed], version: str) -> list[Renamed]:
    """Return what need no alias any more in a version: it was renamed two minors before, or more."""
    here = minor(version)
    return [one for one in found if here[0] > minor(one.since)[0] or here[1] >= minor(one.since)[1] + STAYS]


def minor(version: str) -> tuple[int, int]:
    """Return the major and minor number of a version.

    >>> minor("0.12.3")
    (0, 12)
    """
    match = _MINOR.fullmatch(version)
    if match is None:
        raise ValueError(f"'{version}' is no version")
    return int(match[1]), int(match[2])


def _renamed(entry: Table) -> Renamed:
    found = Renamed(was=entry.text("was"), now=entry.text("now"), since=entry.text("since"), of=entry.text("of", ""))
    entry.end()
    if _MINOR.fullmatch(found.since) is None:
        raise entry.fail("'since' must be a minor version, such as 0.2")
    starred = found.was.startswith(_STAR) and found.now.startswith(_STAR) and min(len(found.was), len(found.now)) > 1
    if bool(found.of) != starred:
        raise entry.fail("a name begins with a star in 'was' and 'now', and has a type in 'of'; a type has neither")
    return found
