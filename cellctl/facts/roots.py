"""Certificates that services of a cloud are signed with and that no system trusts by itself: `trust/*.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "trust"


@dataclass(frozen=True, kw_only=True, slots=True)
class Roots:
    """Roots by region, PEM text; they sign for names that end with `suffix`."""

    suffix: str
    by_region: Mapping[str, str]


@lru_cache(maxsize=4)
def roots(service: str) -> Roots:
    """Return the roots of a service.

    Raises:
        FactsError: The file breaks the format.
    """
    table = Table.load(_FOLDER / f"{service}.toml")
    table.source(set(table.struct("sources")))
    found = Roots(
        suffix=table.text("suffix"),
        by_region={region: str(pem) for region, pem in table.struct("roots").items()},
    )
    table.end()
    return found


def root_of(name: str) -> str:
    """Return the root that signs for a server's name, PEM text; `` where the system's are right.

    >>> root_of("a.cgtf.eu-west-1.rds.amazonaws.com").startswith("-----BEGIN CERTIFICATE-----")
    True
    >>> root_of("sql-acme.database.windows.net")
    ''
    """
    known = roots("rds")
    bare = name.rstrip(".").casefold()
    if not bare.endswith(known.suffix):
        return ""
    region = bare.removesuffix(known.suffix).rpartition(".")[2]
    return known.by_region.get(region, "")
