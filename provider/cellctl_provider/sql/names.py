"""How names and texts stand in T-SQL, and which names are accepted at all.

Source: Transact-SQL reference, QUOTENAME (Microsoft, 2024).
"""

from __future__ import annotations

import uuid

DATABASE_PATTERN = r"octo_[a-z][a-z0-9_]{0,80}_g[1-9][0-9]{0,8}"
"""A cell's database: `octo_<cell>_g<generation>` (DESIGN section 1)."""

PRINCIPAL_PATTERN = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"
"""A login, user or managed identity."""

SERVER_PATTERN = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
COLLATION_PATTERN = r"[A-Za-z0-9_]+_CI_[A-Za-z0-9_]+"
"""Octopus needs a case-insensitive collation (reference: octopus 2.5)."""

GUID_PATTERN = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def quote_name(name: str) -> str:
    """Return an identifier in brackets, as QUOTENAME does."""
    if not name or len(name) > 128 or "\0" in name:
        raise ValueError("a name has 1 to 128 characters")
    return "[" + name.replace("]", "]]") + "]"


def quote_text(text: str) -> str:
    """Return an nvarchar literal."""
    return "N'" + text.replace("'", "''") + "'"


def sid_literal(client_id: str) -> str:
    """Return the security identifier of an Entra application as a binary literal: the bytes of its client id."""
    return "0x" + uuid.UUID(client_id).bytes_le.hex().upper()


def sid_bytes(client_id: str) -> bytes:
    """Return the same as bytes."""
    return uuid.UUID(client_id).bytes_le
