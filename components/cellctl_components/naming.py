"""Names: how a name is made to fit a service without two cells ever sharing it. Pure; imports no Pulumi, no cloud.

A name that fits is used as it is. One that does not is cut and ends in a digest of everything that identifies it, so
cutting never makes two names equal. Changing anything here renames objects that exist: tests hold goldens.
"""

from __future__ import annotations

import hashlib
import re

HASH_LENGTH = 12
"""Characters of a digest: 12 x 5 bits = 60 bits. Among 10,000 names the chance of any collision is below 5e-11."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_SEPARATOR = "\x1f"


def digest(*parts: str, length: int = HASH_LENGTH) -> str:
    """Return `length` characters `[a-z2-7]` that identify `parts`, 5 bits each, stable for ever.

    The parts are joined with a control character that no name may hold, so ("ab", "c") and ("a", "bc") differ.
    """
    if not 1 <= length <= 48:
        raise ValueError(f"a digest has 1 to 48 characters, not {length}")
    number = int.from_bytes(hashlib.sha256(_SEPARATOR.join(parts).encode()).digest()[:30], "big")
    return "".join(_ALPHABET[(number >> (235 - 5 * index)) & 31] for index in range(length))


def fitted(name: str, limit: int, *identity: str, separator: str = "-") -> str:
    """Return `name` if it has at most `limit` characters, else its beginning and a digest.

    Args:
        name: The name that one would like.
        limit: The service's limit in characters.
        identity: What tells this name from all others beyond its own text (account, region, incarnation).
        separator: What stands before the digest; empty where a service allows letters and digits only.

    Returns:
        At most `limit` characters. Cut names keep 60 bits of digest over `name` and `identity`.
    """
    if len(name) <= limit:
        return name
    return distinct(name, limit, *identity, separator=separator)


def distinct(name: str, limit: int, *identity: str, separator: str = "-") -> str:
    """Return the beginning of `name` and a digest over `name` and `identity`, always: for names that are global."""
    tail = f"{separator}{digest(name, *identity)}"
    if limit <= len(tail):
        raise ValueError(f"no room for a digest in {limit} characters")
    return name[: limit - len(tail)].rstrip("-_.") + tail


def database_name(cell: str, generation: int) -> str:
    """Return the name of a cell's database: `octo_<cell>_g<generation>`, hyphens as underscores.

    Cell names hold no underscore, so two cells never share one. At most 128 characters (SQL Server `sysname`).
    """
    return f"octo_{cell.replace('-', '_')}_g{generation}"


def login_name(cell: str, variant: str = "a") -> str:
    """Return the SQL login of a cell: `octo_<cell>_<variant>`; variants a and b take turns when passwords rotate."""
    return f"octo_{cell.replace('-', '_')}_{variant}"


def cell_name(cell: str, role: str = "", *, limit: int) -> str:
    """Return `cell-<cell>-<role>` with at most `limit` characters; the cell's part is cut, never the role.

    Cut names keep 60 bits of digest over the cell's whole name.
    """
    return _owned("cell", cell, role, limit)


def reef_name(reef: str, role: str = "", *, limit: int) -> str:
    """Return `reef-<reef>-<role>`, cut as `cell_name` cuts."""
    return _owned("reef", reef, role, limit)


def account_name(account: str, role: str = "", *, limit: int) -> str:
    """Return `account-<account>-<role>`, cut as `cell_name` cuts."""
    return _owned("account", account, role, limit)


def _owned(level: str, owner: str, role: str, limit: int) -> str:
    tail = f"-{role}" if role else ""
    return fitted(f"{level}-{owner}", limit - len(tail)) + tail


def node_name(cell: str, ordinal: int) -> str:
    """Return the name of a node, `<cell>-<ordinal>` with at most 15 characters (NetBIOS); ordinals count from 1.

    Octopus keeps a row, and counts a licence, for every node name it has ever seen: the name stays with the ordinal.
    Cut names keep 50 bits of digest. Ordinals have one digit: a cell has at most eight nodes.
    """
    name = f"{cell}-{ordinal}"
    return name if len(name) <= 15 else f"{cell[:3].rstrip('-')}{digest(cell, length=10)}-{ordinal}"


def matches(pattern: str, name: str) -> bool:
    """Tell whether all of `name` is as a service wants it; `pattern` is a regular expression from `facts/`."""
    return re.fullmatch(pattern, name) is not None
