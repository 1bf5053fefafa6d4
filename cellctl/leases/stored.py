"""How leases are taken, kept and judged, whatever table they are in: a store gives a transaction and its rows.

Expiry is judged on the clock since boot where holder and judge share a boot, so a jump of the wall clock neither frees
a living lease nor prolongs a dead one; between machines the store's clock is all there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from cellctl.errors import Locked
from cellctl.leases.holder import Holder, Liveness, liveness
from cellctl.leases.ports import DEFAULT_TTL_S, Lease, LeaseLost

T = TypeVar("T")


def uptime() -> float:
    """Return seconds since boot, sleep included where the system counts it; never jumps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A cell's row: the last lease that was taken, and whether it is still `held`."""

    lease: Lease
    held: bool
    expires_uptime: float


class Rows(Protocol):
    """The rows of one transaction. No other transaction changes a row between its `find` and its `put`."""

    def find(self, cell: str) -> Row | None:
        """Return the cell's row."""

    def put(self, row: Row, before: Row | None) -> None:
        """Write what was `before` anew."""

    def now(self) -> float:
        """Return unix seconds by the clock that all who use the store share."""


class StoredLeases:
    """`Leases` over rows. A store says how a transaction runs; `since_boot` and `here` are of this process."""

    def __init__(
        self, *, since_boot: Callable[[], float] = uptime, here: Callable[[], Holder] = Holder.current
    ) -> None:
        self._since_boot, self._here = since_boot, here

    def _transact(self, work: Callable[[Rows], T]) -> T:
        """Return what `work` returns, with its rows written whole or not at all."""
        raise NotImplementedError

    def _empty(self) -> bool:
        """Tell whether there is no store yet, without making one."""
        return False

    def acquire(self, cell: str, holder: Holder, *, ttl_s: float = DEFAULT_TTL_S) -> Lease:
        """Take the cell, or raise Locked. The token rises with every acquisition."""

        def take(rows: Rows) -> Lease:
            before, now = rows.find(cell), rows.now()
            if before is not None and before.held and not self._lapsed(before, now):
                raise _locked(before.lease, now)
            token = 1 if before is None else before.lease.token + 1
            lease = Lease(cell=cell, token=token, holder=holder, expires_at=now + ttl_s, ttl_s=ttl_s)
            rows.put(Row(lease=lease, held=True, expires_uptime=self._since_boot() + ttl_s), before)
            return lease

        return self._transact(take)

    def heartbeat(self, lease: Lease) -> Lease:
        """Prolong `lease`; a lease that ran out but that nobody took is taken up again under its own token."""

        def prolong(rows: Rows) -> Lease:
            before = rows.find(lease.cell)
            if before is None or not before.held or before.lease.token != lease.token:
                raise _lost(lease, before)
            longer = replace(lease, expires_at=rows.now() + lease.ttl_s)
            rows.put(replace(before, lease=longer, expires_uptime=self._since_boot() + lease.ttl_s), before)
            return longer

        return self._transact(prolong)

    def check(self, lease: Lease) -> None:
        """Raise LeaseLost unless `lease` is held and has not run out."""

        def look(rows: Rows) -> None:
            row = rows.find(lease.cell)
            if row is None or not row.held or row.lease.token != lease.token or self._expired(row, rows.now()):
                raise _lost(lease, row)

        self._transact(look)

    def release(self, lease: Lease) -> None:
        """Give the cell back. Its row stays: the token must never fall."""

        def give_back(rows: Rows) -> None:
            before = rows.find(lease.cell)
            if before is not None and before.held and before.lease.token == lease.token:
                rows.put(replace(before, held=False), before)

        self._transact(give_back)

    def current(self, cell: str) -> Lease | None:
        """Return the lease in force; where there is no store yet there is none."""
        if self._empty():
            return None

        def look(rows: Rows) -> Lease | None:
            row = rows.find(cell)
            return None if row is None or not row.held or self._lapsed(row, rows.now()) else row.lease

        return self._transact(look)

    def _lapsed(self, row: Row, now: float) -> bool:
        return self._expired(row, now) or liveness(row.lease.holder, self._here()) is Liveness.DEAD

    def _expired(self, row: Row, now: float) -> bool:
        if row.lease.holder.same_boot(self._here()):
            return self._since_boot() >= row.expires_uptime
        return now >= row.lease.expires_at


def _locked(lease: Lease, now: float) -> Locked:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(lease.holder.since))
    minutes = max(0, int(now - lease.holder.since)) // 60
    ago = f"{minutes} min ago" if minutes else "less than a minute ago"
    return Locked(
        f"{_what(lease)} is being changed by {lease.holder.words()} since {since}, {ago}",
        hint=f"wait until that ends, or look: {_command('status', lease)}",
    )


def _lost(lease: Lease, row: Row | None) -> LeaseLost:
    taken = row is not None and row.held and row.lease.token > lease.token
    taker = f"; {row.lease.holder.words()} has it now" if row is not None and taken else ""
    return LeaseLost(
        f"the lease of {_what(lease)} (token {lease.token}) is not held any more{taker}",
        hint=f"nothing more is changed by this run; go on with: {_command('up', lease)}",
    )


def _what(lease: Lease) -> str:
    """Return `cell 'acme'`, or `reef 'r1'` for `reef/r1`."""
    level, _, name = lease.cell.rpartition("/")
    return f"{level or 'cell'} '{name}'"


def _command(verb: str, lease: Lease) -> str:
    return " ".join(["cellctl", *filter(None, lease.cell.rpartition("/")[:1]), verb, lease.cell.rpartition("/")[2]])
