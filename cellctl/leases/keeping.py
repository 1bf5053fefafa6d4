"""Keep a lease alive while something works, and say in time when that no longer succeeds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cellctl.errors import CellctlError
from cellctl.leases.ports import Lease, LeaseLost, Leases


@contextmanager
def kept(
    leases: Leases, lease: Lease, *, on_lost: Callable[[CellctlError], None], beats_per_ttl: float = 4.0
) -> Iterator[Lease]:
    """Beat the heart of `lease` from a thread until the block ends, then release it.

    `on_lost` is called once, from that thread: at once when the store says that the lease is gone, and with a quarter
    of its time left when the store cannot be reached, so that an operation ends before somebody else may begin.
    """
    stop = threading.Event()
    heart = threading.Thread(
        target=_beat, args=(leases, lease, on_lost, stop, lease.ttl_s / beats_per_ttl), name="lease", daemon=True
    )
    heart.start()
    try:
        yield lease
    finally:
        stop.set()
        heart.join()
        with suppress(CellctlError):  # a store that cannot be reached: the lease runs out of its own
            leases.release(lease)


def _beat(
    leases: Leases, lease: Lease, on_lost: Callable[[CellctlError], None], stop: threading.Event, every_s: float
) -> None:
    good_until = time.monotonic() + lease.ttl_s
    while not stop.wait(every_s):
        began = time.monotonic()
        try:
            leases.heartbeat(lease)
        except LeaseLost as error:
            on_lost(error)
            return
        except CellctlError as error:
            now = time.monotonic()
            if now + every_s + (now - began) >= good_until:  # the next beat may take as long to fail
                on_lost(error)
                return
        else:
            good_until = began + lease.ttl_s
