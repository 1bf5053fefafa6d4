"""The protocol of a lease store, and its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cellctl.errors import Locked
from cellctl.leases.holder import Holder

DEFAULT_TTL_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to change one cell until `expires_at` (unix seconds).

    `token` is the fencing token: every acquisition of a cell gets a greater one than all before, whatever happened to
    their holders. Whoever acts for a cell carries it; whoever checks refuses a smaller one than the store's.
    """

    cell: str
    token: int
    holder: Holder
    expires_at: float
    ttl_s: float = DEFAULT_TTL_S


class LeaseLost(Locked):
    """The lease ran out and somebody else may hold the cell now: stop changing it."""

    code = "lease_lost"


class Leases(Protocol):
    """A store of leases. Every method is short, atomic, and safe from any thread, process or event loop's thread."""

    def acquire(self, cell: str, holder: Holder, *, ttl_s: float = DEFAULT_TTL_S) -> Lease:
        """Take the cell; a lease whose holder is provably dead, or that ran out, is taken over.

        Raises:
            Locked: Somebody else holds it: the message says who and since when.
        """

    def heartbeat(self, lease: Lease) -> Lease:
        """Prolong a lease by its `ttl_s` from now, and return it.

        Raises:
            LeaseLost: It is not held any more.
        """

    def check(self, lease: Lease) -> None:
        """Raise LeaseLost unless `lease` is held now."""

    def release(self, lease: Lease) -> None:
        """Give the cell back; nothing happens if the lease is not held any more."""

    def current(self, cell: str) -> Lease | None:
        """Return the lease that keeps others off the cell now; None if it is free or only a dead holder's."""
