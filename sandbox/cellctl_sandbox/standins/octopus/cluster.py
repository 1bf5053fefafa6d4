"""What Octopus keeps of a cell, in its database: nodes, schema version, tasks; and what its machines run.

Nothing happens in between: whoever looks brings everything up to the simulated second first. A node that runs adds its
row at its next check-in, also after somebody deleted it (reference/octopus.md 2.2); nodes of two versions that run at
once damage the database (requirement 47), and a node older than the schema does not start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.documents import Documents, Transaction
from cellctl_sandbox.standins.octopus.nodes import DEFAULT_CAP, NodeCatalogue, NodeFacts

CHECK_IN_S = 60.0
NEVER = -1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeRow:
    """What Octopus knows of a node; `seen_s` is when it checked in last."""

    id: str
    name: str
    cap: int = DEFAULT_CAP
    draining: bool = False
    deleted_s: float = NEVER
    seen_s: float = NEVER


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What one machine runs. `due_*` is what a command that is under way makes of it, at `due_s`."""

    id: str
    version: str
    running: bool
    from_s: float
    stopped_s: float = NEVER
    due_s: float = NEVER
    due_version: str = ""
    due_running: bool = False

    def at(self, now: float) -> Machine:
        """Return the machine at a simulated second."""
        if not 0 <= self.due_s <= now:
            return self
        stopped = NEVER if self.due_running else self.due_s
        return replace(
            self, version=self.due_version, running=self.due_running, from_s=self.due_s, stopped_s=stopped, due_s=NEVER
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRow:
    """One task. `state` is Octopus' own word; `done_s` is when it would be done."""

    id: str
    name: str
    state: str
    seconds: float
    node: str = ""
    done_s: float = NEVER


class Cluster:
    """The clusters of one sandbox, by cell."""

    def __init__(self, documents: Documents, catalogue: NodeCatalogue) -> None:
        self._documents = documents
        self.catalogue = catalogue

    @contextlib.contextmanager
    def moment(self, cell: str) -> Iterator[Moment]:
        """Open a write transaction on a cell brought up to now. Never wait inside."""
        now = self.catalogue.now()
        nodes = list(self.catalogue.nodes(cell))
        with self._documents.transaction() as transaction:
            yield Moment(transaction, cell, nodes, now)


class Moment:
    """One cell at one simulated second, settled. Use it inside `Cluster.moment` only."""

    def __init__(self, transaction: Transaction, cell: str, nodes: list[NodeFacts], now: float) -> None:
        self._transaction = transaction
        self.nodes = nodes
        self.now = now
        store = next((node.store for node in nodes if node.database), "")
        self._scope = f"{cell}/{store}"
        self._cell = cell
        self._adopt()
        self.machines = {node.name: self._machine(node) for node in nodes}
        self.schema = str((self.get("schema", "version") or {}).get("version") or "")
        self.up = [node for node in nodes if self._is_up(node)]
        self._settle_schema()
        self._check_in()
        self._settle_tasks()

    def _adopt(self) -> None:
        """Take over what an older sandbox kept of a cell on a reef of Azure, whose database it did not tell apart."""
        before = f"{self._cell}/"
        known = self.get("schema", "version")
        if self._scope != before and known is None and self._transaction.get("schema", f"{before}/version"):
            self._transaction.move(before, self._scope)

    def get(self, kind: str, key: str) -> Struct | None:
        """Return a document of the cell's database."""
        return self._transaction.get(kind, f"{self._scope}/{key}")

    def put(self, kind: str, key: str, document: Struct) -> None:
        """Write a document of the cell's database."""
        self._transaction.put(kind, f"{self._scope}/{key}", {**document, "scope": self._scope})

    def remove(self, kind: str, key: str) -> None:
        """Remove a document of the cell's database."""
        self._transaction.remove(kind, f"{self._scope}/{key}")

    def all(self, kind: str) -> list[Struct]:
        """Return all documents of a kind in the cell's database, oldest first."""
        return [item for item in self._transaction.all(kind) if item.get("scope") == self._scope]

    @property
    def damaged(self) -> bool:
        """Whether nodes of two versions have written to the database."""
        return self.get("damage", "mixed") is not None

    def rows(self) -> list[NodeRow]:
        """Return the nodes that Octopus knows."""
        return [row for row in map(_row, self.all("node")) if row.deleted_s < 0]

    def change(self, row_id: str, *, draining: bool, cap: int | None) -> NodeRow | None:
        """Drain or undrain a node and set its task cap; None if there is no such row."""
        found = next((row for row in self.rows() if row.id == row_id), None)
        if found is None:
            return None
        changed = replace(found, draining=draining, cap=found.cap if cap is None else cap)
        self.put("node", changed.name, asdict(changed))
        return changed

    def delete(self, row_id: str) -> bool:
        """Delete a row; the node comes back at its next check-in if it runs."""
        found = next((row for row in self.rows() if row.id == row_id), None)
        if found is not None:
            self.put("node", found.name, asdict(replace(found, deleted_s=self.now)))
        return found is not None

    def tasks(self) -> list[TaskRow]:
        """Return all tasks, oldest first."""
        return [_task(item) for item in self.all("task")]

    def running(self, node: str) -> int:
        """Return how many tasks a node runs."""
        return sum(1 for task in self.tasks() if task.node == node and task.state == "Executing")

    def add_task(self, name: str, seconds: float) -> TaskRow:
        """Queue a task; a node with room takes it at once."""
        task = TaskRow(id=f"ServerTasks-{len(self.tasks()) + 1}", name=name, state="Queued", seconds=seconds)
        self.put("task", task.id, asdict(task))
        self._settle_tasks()
        return next(item for item in self.tasks() if item.id == task.id)

    def cancel(self, task_id: str) -> TaskRow | None:
        """Cancel a task; None if there is none."""
        found = next((task for task in self.tasks() if task.id == task_id), None)
        if found is None or found.state not in ("Queued", "Executing"):
            return found
        cancelled = replace(found, state="Canceled")
        self.put("task", found.id, asdict(cancelled))
        return cancelled

    def command(self, node: NodeFacts, *, running: bool, version: str, seconds: float) -> None:
        """Let a machine stop or start Octopus Server, in a version; it stops at once and is done in `seconds`."""
        machine = self.machines[node.name]
        stopped = machine.stopped_s if not machine.running else self.now
        self.machines[node.name] = replace(
            machine,
            running=False,
            stopped_s=stopped,
            due_s=self.now + seconds,
            due_version=version or machine.version,
            due_running=running,
        )
        self._save(node)

    def _machine(self, node: NodeFacts) -> Machine:
        document = self._transaction.get("machine", f"{self._cell}/{node.name}")
        machine_id = f"{node.machine}@{node.up_from_s:.0f}"  # one that is made again may have the same id
        if document is not None and document.get("id") == machine_id:
            known = _known_machine(document)
            machine = known.at(self.now)
        else:
            known = None
            machine = Machine(id=machine_id, version=node.version, running=True, from_s=node.up_from_s)
        if machine != known and node.up_from_s <= self.now:
            self._transaction.put("machine", f"{self._cell}/{node.name}", asdict(machine))
        return machine

    def _save(self, node: NodeFacts) -> None:
        self._transaction.put("machine", f"{self._cell}/{node.name}", asdict(self.machines[node.name]))

    def _is_up(self, node: NodeFacts) -> bool:
        machine = self.machines[node.name]
        starts = not self.schema or _key(machine.version) >= _key(self.schema)
        return node.works and machine.running and starts and self.now >= max(node.up_from_s, machine.from_s)

    def _settle_schema(self) -> None:
        versions = {self.machines[node.name].version for node in self.up}
        if len(versions) > 1 and not self.damaged:
            self.put("damage", "mixed", {"versions": [*sorted(versions)]})
        newest = max(versions, key=_key, default="")
        if newest and (not self.schema or _key(newest) > _key(self.schema)):
            self.schema = newest
            self.put("schema", "version", {"version": newest})

    def seen_s(self, row: NodeRow) -> float:
        """Return when a node was seen last: now if it is up, or when it was stopped."""
        if any(node.name == row.name for node in self.up):
            return self.now
        machine = self.machines.get(row.name)
        return max(row.seen_s, machine.stopped_s if machine else NEVER)

    def _check_in(self) -> None:
        known = {row.name: row for row in map(_row, self.all("node"))}
        for node in self.up:
            row = known.get(node.name)
            if row is None or 0 <= row.deleted_s <= self.now - CHECK_IN_S:
                fresh = NodeRow(id=f"OctopusServerNodes-{node.name}", name=node.name, cap=node.task_cap)
                self.put("node", node.name, asdict(replace(fresh, seen_s=self.now)))
            elif row.deleted_s < 0 and row.seen_s <= self.now - CHECK_IN_S:
                self.put("node", node.name, asdict(replace(row, seen_s=self.now)))

    def _settle_tasks(self) -> None:
        up = {node.name for node in self.up}
        for task in self.tasks():
            if task.state != "Executing":
                continue
            machine = self.machines.get(task.node)
            stopped = self.now if machine is None else machine.stopped_s
            if 0 <= stopped < task.done_s or (task.node not in up and task.done_s > self.now):
                self.put("task", task.id, asdict(replace(task, state="Failed")))
            elif task.done_s <= self.now:
                self.put("task", task.id, asdict(replace(task, state="Success")))
        self._assign([row for row in self.rows() if row.name in up and not row.draining])

    def _assign(self, rows: list[NodeRow]) -> None:
        """Give queued tasks, oldest first, to the node with the most room (FIFO, no pinning: requirement 45)."""
        room = {row.name: row.cap - self.running(row.name) for row in rows}
        for task in self.tasks():
            free = max(room, key=lambda name: room[name], default="")
            if task.state == "Queued" and free and room[free] > 0:
                room[free] -= 1
                taken = replace(task, state="Executing", node=free, done_s=self.now + task.seconds)
                self.put("task", task.id, asdict(taken))


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def _number(document: Struct, key: str, default: float) -> float:
    value: Value = document.get(key)
    return float(value) if isinstance(value, int | float) else default


def _row(document: Struct) -> NodeRow:
    return NodeRow(
        id=str(document["id"]),
        name=str(document["name"]),
        cap=int(_number(document, "cap", DEFAULT_CAP)),
        draining=document["draining"] is True,
        deleted_s=_number(document, "deleted_s", NEVER),
        seen_s=_number(document, "seen_s", NEVER),
    )


def _task(document: Struct) -> TaskRow:
    return TaskRow(
        id=str(document["id"]),
        name=str(document["name"]),
        state=str(document["state"]),
        seconds=_number(document, "seconds", 0.0),
        node=str(document["node"]),
        done_s=_number(document, "done_s", NEVER),
    )


def _known_machine(document: Struct) -> Machine:
    return Machine(
        id=str(document["id"]),
        version=str(document["version"]),
        running=document["running"] is True,
        from_s=_number(document, "from_s", 0.0),
        stopped_s=_number(document, "stopped_s", NEVER),
        due_s=_number(document, "due_s", NEVER),
        due_version=str(document["due_version"]),
        due_running=document["due_running"] is True,
    )
