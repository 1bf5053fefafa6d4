"""Leases as objects beside the state of a real account, one for each stack: they guard it against every machine.

The store writes only over what the writer has read, so two who take a lease at once are told apart; one of them reads
again. Expiry is judged by the store's clock.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TypeVar

from cellctl.errors import EngineError
from cellctl.leases.holder import Holder
from cellctl.leases.ports import Lease
from cellctl.leases.stored import Row, StoredLeases, uptime
from cellctl.state.objects import Objects, Stored

T = TypeVar("T")
_TRIES = 40
_PAUSE_S = 0.05
_FACTS = {field.name for field in fields(Holder)}


class ObjectLeases(StoredLeases):
    """`Leases` in a store of objects. `now` replaces the store's clock, `since_boot` this machine's: for tests."""

    def __init__(
        self,
        objects: Objects,
        *,
        now: Callable[[], float] | None = None,
        since_boot: Callable[[], float] = uptime,
        here: Callable[[], Holder] = Holder.current,
    ) -> None:
        super().__init__(since_boot=since_boot, here=here)
        self._objects, self._now = objects, now

    def _transact(self, work: Callable[[_Rows], T]) -> T:
        for _ in range(_TRIES):
            rows = _Rows(self._objects, self._now)
            done = work(rows)
            if rows.written():
                return done
            time.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311  no secret
        raise EngineError(
            "the lease beside the state changes faster than it can be taken",
            hint="try again",
            code="leases_unreachable",
        )


class _Rows:
    """What one transaction has read, and what it wants to write."""

    def __init__(self, objects: Objects, now: Callable[[], float] | None) -> None:
        self._objects, self._clock = objects, now
        self._seen: Stored | None = None
        self._wanted: Row | None = None

    def find(self, cell: str) -> Row | None:
        self._seen = self._objects.read(_name(cell))
        return _row(self._seen.data) if self._seen.tag else None

    def put(self, row: Row, before: Row | None) -> None:
        del before
        self._wanted = row

    def now(self) -> float:
        if self._clock is not None:
            return self._clock()
        return self._seen.now if self._seen is not None else time.time()

    def written(self) -> bool:
        """Write what was put; tell whether nobody else had written since it was read."""
        if self._wanted is None:
            return True
        lease = self._wanted.lease
        told = {**asdict(lease), "held": self._wanted.held, "expires_uptime": self._wanted.expires_uptime}
        data = json.dumps(told, sort_keys=True).encode()
        return self._objects.write(_name(lease.cell), data, over=self._seen.tag if self._seen else "")


def _name(cell: str) -> str:
    return f"{cell}.json"


def _row(data: bytes) -> Row:
    try:
        told = json.loads(data)
        holder = Holder(**{key: value for key, value in told["holder"].items() if key in _FACTS})
        lease = Lease(
            cell=told["cell"], token=int(told["token"]), holder=holder, expires_at=float(told["expires_at"]),
            ttl_s=float(told["ttl_s"]),
        )  # fmt: skip
        return Row(lease=lease, held=bool(told["held"]), expires_uptime=float(told["expires_uptime"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EngineError(
            "the lease beside the state cannot be read: it is not what cellctl writes",
            hint="look at the object below .cellctl/leases in the bucket of states",
            code="leases_unreachable",
        ) from None
