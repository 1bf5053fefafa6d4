"""The nodes of cells: which exist, when they are up, and the rows that Octopus keeps of them.

A row (id, task cap, drained or not) belongs to the cell's database in reality; here it is a document. A node that runs
adds its row at its next check-in, also after somebody deleted it (reference/octopus.md 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from cellctl.state.values import Struct
from cellctl_sandbox.standins.documents import Documents, Transaction

DEFAULT_CAP = 5
CHECK_IN_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePort:
    """One port a node listens on. `probe_only` answers nothing but the health probe."""

    port: int
    tls: bool = False
    probe_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFacts:
    """One node as the simulated cloud has it.

    `up_from_s` is when Octopus Server answers for the first time (machine, boot, installation), `database` tells
    whether the cell's database exists, `tls_names` are the names its certificate carries.
    """

    cell: str
    name: str
    address: str
    ports: Sequence[NodePort]
    up_from_s: float
    database: bool
    version: str
    tls_names: Sequence[str] = ()


class NodeCatalogue(Protocol):
    """The simulated cloud's view of nodes; asked at every connection and request."""

    def nodes(self) -> Sequence[NodeFacts]:
        """Return all nodes that exist now, whether they are up or not."""

    def now(self) -> float:
        """Return simulated seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeRow:
    """What Octopus knows of a node."""

    id: str
    name: str
    cap: int = DEFAULT_CAP
    draining: bool = False
    deleted_s: float = -1.0


class NodeRows:
    """The rows of one sandbox, by cell."""

    def __init__(self, documents: Documents, catalogue: NodeCatalogue) -> None:
        self._documents = documents
        self._catalogue = catalogue

    def up(self, cell: str) -> list[NodeFacts]:
        """Return the nodes of a cell whose server runs now."""
        now = self._catalogue.now()
        return [
            node for node in self._catalogue.nodes() if node.cell == cell and node.database and now >= node.up_from_s
        ]

    def all(self, cell: str) -> list[NodeRow]:
        """Return the rows of a cell, those of running nodes added."""
        now = self._catalogue.now()
        running = self.up(cell)
        with self._documents.transaction() as transaction:
            rows = _rows(transaction, cell)
            for node in running:
                known = rows.get(node.name)
                if known is None or 0 <= known.deleted_s <= now - CHECK_IN_S:
                    row = NodeRow(id=f"OctopusServerNodes-{node.name}", name=node.name)
                    rows[node.name] = row
                    transaction.put("node", f"{cell}/{node.name}", {**asdict(row), "cell": cell})
        return [row for row in rows.values() if row.deleted_s < 0]

    def change(self, cell: str, row_id: str, *, draining: bool, cap: int | None) -> NodeRow | None:
        """Drain or undrain a node and set its task cap; None if there is no such row."""
        found = next((row for row in self.all(cell) if row.id == row_id), None)
        if found is None:
            return None
        changed = replace(found, draining=draining, cap=found.cap if cap is None else cap)
        self._save(cell, changed)
        return changed

    def delete(self, cell: str, row_id: str) -> bool:
        """Delete a row; the node comes back at its next check-in if it runs."""
        found = next((row for row in self.all(cell) if row.id == row_id), None)
        if found is not None:
            self._save(cell, replace(found, deleted_s=float(self._catalogue.now())))
        return found is not None

    def _save(self, cell: str, row: NodeRow) -> None:
        document: Struct = {**asdict(row), "cell": cell}
        with self._documents.transaction() as transaction:
            transaction.put("node", f"{cell}/{row.name}", document)


def _rows(transaction: Transaction, cell: str) -> dict[str, NodeRow]:
    found = [document for document in transaction.all("node") if document.get("cell") == cell]
    return {str(item["name"]): _row(item) for item in found}


def _row(document: Struct) -> NodeRow:
    cap, deleted = document["cap"], document["deleted_s"]
    return NodeRow(
        id=str(document["id"]),
        name=str(document["name"]),
        cap=int(cap) if isinstance(cap, int | float) else DEFAULT_CAP,
        draining=document["draining"] is True,
        deleted_s=float(deleted) if isinstance(deleted, int | float) else -1.0,
    )
