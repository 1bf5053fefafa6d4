"""Judges a mutant on the account of a cell that came up: would `up` have failed, and if not, would `verify`?

`up` is judged from the run itself: what it dialled is dialled again, and every service does its work again with every
object, in the order in which they were made. Both only ever find more objects there than `up` did, so that what fails
here had failed there. The run that is judged from is a real one; `verify` runs for real.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cellctl.facts.conditions import at
from cellctl.state.values import Struct
from cellctl_sandbox.access import operator_of
from cellctl_sandbox.clouds import making, turns
from cellctl_sandbox.clouds.behaviour import behaviour_of
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import CloudRecord
from cellctl_sandbox.clouds.view import ObjectView, records
from cellctl_sandbox.clouds.world import World
from cellctl_sandbox.host import SandboxHost
from cellctl_sandbox.inventory import INSTANCE, MACHINE
from cellctl_sandbox.network.boot import boot_of
from cellctl_sandbox.network.kept_secrets import VERSION
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.secret_stores.key_vault import VAULT
from cellctl_sandbox.standins.storage_gateway.appliance import PORT
from cellctl_sandbox.standins.storage_gateway.gateways import ATTACHMENT
from cellctl_sandbox.testing.mutants.catalogue import Mutant


@dataclass(frozen=True, kw_only=True, slots=True)
class Caught:
    """What noticed a mutant: `up`, `verify`, or nothing (``), and what it said.

    `real` tells that its program was brought up.
    """

    mutant: Mutant
    by: str
    why: str = ""
    real: bool = False


class Trial:
    """One cell that came up. `verify` returns what failed."""

    def __init__(self, host: SandboxHost, cell: str, verify: Callable[[], Sequence[str]]) -> None:
        self._host = host
        self._cell = cell
        self._verify = verify
        self._database: Database = host.database
        self._appliances = tuple(_appliances(host.database, host.view))
        closed = {(instance.text("privateIp"), PORT) for instance, _ in self._appliances}  # by the step that opened it
        self._dialled = tuple(dialled for dialled in host.network.dialled_names if dialled not in closed)
        self.records = [record for record in records(self._database) if record.cell == cell]

    def verified(self) -> Sequence[str]:
        """Return what fails of the cell as it is."""
        return self._verify()

    def closed(self) -> Sequence[str]:
        """Return for each appliance why its port of activation is not reached any more, `` where it is."""
        network = self._host.network
        return [network.check(instance.text("privateIp"), PORT).why for instance, _ in self._appliances]

    def troubles(self) -> Sequence[str]:
        """Return what would keep `up` from ending well with the cell as it is."""
        return list(self._up())

    def judge(self, mutant: Mutant) -> Caught:
        """Take one thing out, look who notices, and put it back."""
        record = next(item for item in self.records if item.uid == mutant.uid)
        with self._without(record, mutant):
            if mutant.only[0]:
                why = next(self._at(*mutant.only, record), "")
                return Caught(mutant=mutant, by="up" if why else "", why=why)
            why = next(self._up(), "")
            if why:
                return Caught(mutant=mutant, by="up", why=why)
            failed = self._verify()
            return Caught(mutant=mutant, by="verify" if failed else "", why=failed[0] if failed else "")

    def hindrance(self, mutant: Mutant) -> str:
        """Return why Octopus Server does not start on the machine that a mutant is of, `` if it does."""
        record = next(item for item in self.records if item.uid == mutant.uid)
        with self._without(record, mutant):
            return self._host.network.boot_hindrance(self._cell, record.id)

    @contextlib.contextmanager
    def _without(self, record: CloudRecord, mutant: Mutant) -> Iterator[None]:
        with self._database.transaction() as rows:
            whole = rows.execute("SELECT * FROM objects WHERE uid = ?", (record.uid,)).fetchone()
            rows.execute("DELETE FROM objects WHERE uid = ?", (record.uid,))
            kept = _values(rows, record) if record.type == VERSION else []
            if mutant.path:
                changed = replace(record, inputs=mutant.applied(record.inputs), outputs=_less(record, mutant))
                names = [column[1] for column in rows.execute("PRAGMA table_info(objects)")]
                values = dict(zip(names, whole, strict=True))
                values |= {
                    "inputs": self._database.dump(changed.inputs),
                    "outputs": self._database.dump(changed.outputs),
                }
                marks = ", ".join("?" for _ in names)
                rows.execute(f"INSERT INTO objects VALUES ({marks})", tuple(values[name] for name in names))  # noqa: S608
        try:
            yield
        finally:
            with self._database.transaction() as rows:
                rows.execute("DELETE FROM objects WHERE uid = ?", (record.uid,))
                marks = ", ".join("?" for _ in whole)
                rows.execute(f"INSERT INTO objects VALUES ({marks})", whole)  # noqa: S608
                rows.executemany("INSERT INTO secret_documents VALUES (?, ?, ?)", kept)

    def _up(self) -> Iterator[str]:
        """Yield why `up` fails: what its steps dial, then what services do with what was made."""
        yield from self._dials()
        for record in self.records:
            yield from self._work(record)

    def _dials(self) -> Iterator[str]:
        network = self._host.network
        for name, port in self._dialled:
            verdict = network.check(name, port)
            if not verdict.open:
                yield f"{name}:{port} {verdict.outcome}: {verdict.why}"
        for instance, endpoint in self._appliances:
            why = network.appliance_hindrance(instance, endpoint)
            if why:
                yield f"the gateway is not connected: {why}"
            if not any(one.text("instanceId") == instance.id for one in self._host.view.objects(ATTACHMENT)):
                yield "the gateway has no disk for its cache"
        for vault in self._host.view.objects(VAULT):
            why = network.vault_refusal(vault, operator_of(vault.id), "writeSecret")
            if why:
                yield f"the master key cannot be written: {why}"

    def _at(self, type: str, name: str, other: CloudRecord) -> Iterator[str]:
        """Yield why the making of one resource fails while `other` is not there yet, or is being made.

        A step of provider `cellctl` fails by what all of them dial.
        """
        found = [item for item in self.records if (item.type, item.urn.rpartition("::")[2]) == (type, name)]
        for record in found:
            yield from self._work(record)
            yield from self._meets(record, other)
            if self._boots_at_once(record):
                why = self._host.network.boot_hindrance(self._cell, record.id)
                yield from [f"the first boot fails: {why}"] if why else []
        if not found:
            yield from self._dials()

    def _boots_at_once(self, record: CloudRecord) -> bool:
        """Tell whether a machine's script runs, once, when it is made: on Azure that of the first node does."""
        found = next((item for item in self._host.view.objects(record.type) if item.id == record.id), None)
        boot = boot_of(found) if found is not None and record.type in (INSTANCE, MACHINE) else None
        return boot is not None and (record.type == INSTANCE or boot.leads)

    def _meets(self, record: CloudRecord, other: CloudRecord) -> Iterator[str]:
        """Yield what an object and the other one do to each other if the other is made during it, or after it."""
        behaviour = behaviour_of(record.type)
        why = turns.crowded(behaviour, record.inputs, other)
        yield from [why] if why else []
        with self._database.transaction() as rows:
            world = World(self._database, rows, record.tenancy, self._host.simulated_now() or 0.0)
            for type_, inputs in making.made_by(world, behaviour, record):
                if type_ == other.type and at(inputs, "name") == other.name:
                    yield f"{other.name} already exists: the service made it by itself"

    def _work(self, record: CloudRecord) -> Iterator[str]:
        trouble = self._host.services.trouble(record)
        if trouble is not None:
            yield f"{record.urn.rpartition('::')[2]}: {trouble.why}"


def _appliances(database: Database, view: ObjectView) -> Iterator[tuple[CloudObject, str]]:
    """Yield the instance of each activated gateway, with the endpoint it was activated through."""
    try:
        rows = database.rows("SELECT document FROM gateway_documents WHERE kind = 'gateway'")
    except sqlite3.OperationalError:  # no gateway was ever activated
        return
    for (document,) in rows:
        gateway = json.loads(str(document))
        for instance in view.objects(INSTANCE):
            if instance.id == gateway["instance_id"]:
                yield instance, str(gateway.get("vpc_endpoint") or "")


def _values(rows: sqlite3.Connection, record: CloudRecord) -> list[tuple[str, str, str]]:
    """Take away and return what Secrets Manager took in of a version that a program made."""
    where = "FROM secret_documents WHERE kind = 'secret' AND key = ?"
    arn = (str(record.inputs.get("secretId")),)
    found = [(str(kind), str(key), str(text)) for kind, key, text in rows.execute(f"SELECT * {where}", arn)]
    rows.execute(f"DELETE {where}", arn)
    return found


def _less(record: CloudRecord, mutant: Mutant) -> Struct:
    """Return outputs without echoes of what was taken out."""
    head = mutant.json or str(mutant.path[0])
    return {key: value for key, value in record.outputs.items() if key != head}
