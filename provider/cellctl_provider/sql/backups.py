"""Proof that a database could be restored, asked for before it is dropped."""

from __future__ import annotations

import datetime
from typing import Protocol


class Backups(Protocol):
    """The cloud's backups; called from many threads."""

    def latest_restore_point(self, server: str, database: str) -> datetime.datetime | None:
        """Return the last moment to which a database can be restored (UTC), None where nothing is proven."""


class NoBackups:
    """Proves nothing: databases are dropped with `acceptDataLoss` only."""

    def latest_restore_point(self, server: str, database: str) -> datetime.datetime | None:  # noqa: ARG002
        """Return None."""
        return None
