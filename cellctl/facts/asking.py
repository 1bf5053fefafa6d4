"""How a cloud is asked what an account has of a quota, as data: `quota/<cloud>.toml` beside this module."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cellctl import facts
from cellctl.facts.conditions import Condition, at, every
from cellctl.facts.document import Table
from cellctl.state.values import Struct, Value

_FOLDER = Path(__file__).parent / "quota"


@dataclass(frozen=True, kw_only=True, slots=True)
class Granted:
    """Where a service of quotas tells a limit: `named` is what the code must be called there, with `*`.

    `region` is the one that is asked, `` for the cell's.
    """

    service: str
    code: str
    named: str
    region: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """What is asked to know how much is in use: a `call` of a `client`, with `words` (`{inside}`, `{region}`).

    `at` is the path of what is counted where `where` holds, `` for the answer itself; with `used`, the number at that
    path of the first that fits is taken, and the limit at `limit`. With `each`, what is counted counts as much as the
    product of the numbers at these paths.
    """

    client: str
    call: str
    words: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    where: Condition = field(default_factory=Condition)
    used: str = ""
    limit: str = ""
    each: tuple[str, ...] = ()

    def told(self, answers: Iterable[Struct]) -> tuple[int | None, int | None]:
        """Return what the pages of an answer say: how much is used, and the limit; None where they do not."""
        rows = [row for answer in answers for row in (every(answer, self.at) if self.at else _rows(answer))]
        fitting = [row for row in rows if not self.where.entries or (isinstance(row, dict) and self.where.holds(row))]
        if self.each:
            return sum(math.prod(_number(at(row, path)) or 0 for path in self.each) for row in fitting), None
        if not self.used:
            return len(fitting), None
        row = fitting[0] if fitting else None
        return _number(at(row, self.used)), _number(at(row, self.limit)) if self.limit else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """How one quota is asked for; `granted` is None where no code is known."""

    used: Used
    granted: Granted | None = None


@lru_cache(maxsize=4)
def questions(cloud: str) -> Mapping[str, Question]:
    """Return how each quota (`SERVICE.NAME`) of a cloud is asked for.

    Raises:
        FactsError: The file breaks the format, or names a quota that no service has.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    found: dict[str, Question] = {}
    for name, entry in table.named("quotas"):
        service, _, short = name.partition(".")
        if short not in facts.service(cloud, service).quotas:
            raise entry.fail(f"there is no quota '{name}' in cellctl/facts/{cloud}/{service}.toml")
        entry.source(sources)
        granted = _granted(entry.table("limit")) if "limit" in entry.data else None
        found[name] = Question(used=_used(entry.table("used")), granted=granted)
        entry.end()
    table.end()
    return found


def _granted(table: Table) -> Granted:
    granted = Granted(
        service=table.text("service"),
        code=table.text("code"),
        named=table.text("named"),
        region=table.text("region", ""),
    )
    table.end()
    return granted


def _used(table: Table) -> Used:
    used = Used(
        client=table.text("client"),
        call=table.text("call"),
        words={key: str(value) for key, value in table.struct("words").items()},
        at=table.text("at", ""),
        where=Condition.read(table.struct("where")),
        used=table.text("used", ""),
        limit=table.text("limit", ""),
        each=table.texts("each"),
    )
    table.end()
    return used


def _rows(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _number(value: Value) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
