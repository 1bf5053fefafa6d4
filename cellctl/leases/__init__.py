"""Leases: who may change a cell now. A protocol, its SQLite store in the home, and a thread that keeps a lease alive.

    leases = SqliteLeases(home.database)
    with kept(leases, leases.acquire("acme", Holder.current(command="cellctl up acme")), on_lost=stop) as lease:
        ...

Nothing heavy is imported: sqlite3 and the standard library only.
"""

from cellctl.leases.holder import Holder, Liveness, liveness
from cellctl.leases.keeping import kept
from cellctl.leases.objects import ObjectLeases
from cellctl.leases.ports import Lease, LeaseLost, Leases
from cellctl.leases.sqlite import SqliteLeases

__all__ = ["Holder", "Lease", "LeaseLost", "Leases", "Liveness", "ObjectLeases", "SqliteLeases", "kept", "liveness"]
