"""Make the registry say of a cell what its state says. The same code records, and finds what differs.

What a dedicated cell has of its own is a reef of kind `dedicated` with one host, one gateway and one cell.
"""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Select, Table, delete, insert, select, update

from cellctl.registry import holding, own_files, restore_points
from cellctl.registry.rows import add, change
from cellctl.registry.survey import GatewaySeen, HostSeen, ShareSeen, Survey
from cellctl.registry.tables import (
    binding_shares,
    bindings,
    cells,
    database_slots,
    gateways,
    hosts,
    nodes,
    reefs,
    share_slots,
)

# States that only the registry knows: a rebuild leaves them.
_OWN_LINE = ("maintenance", "upgrading", "moving", "restoring", "suspended", "decommissioning")
_SINCE = frozenset({"state_since", "since"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What the registry says and what the state says; without `field` one of them has no such row."""

    cell: str
    what: str
    field: str
    recorded: object
    found: object

    def __str__(self) -> str:
        """Return it as one sentence."""
        if not self.field:
            where = "not in the registry" if self.recorded is None else "in the registry and not in the state"
            return f"{self.what} is {where}"
        return f"{self.what}: {self.field} is {self.recorded!r} in the registry and {self.found!r} in the state"


class Recorder:
    """Records surveys within one transaction; `differences` are the changes that this made."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection, self.now = connection, now
        self.differences: list[Difference] = []
        self._cell = ""

    def record(self, survey: Survey) -> None:
        """Make the rows of one cell say what was seen."""
        key = survey.key
        self._cell = key.name
        values = {
            "cloud": key.cloud, "region": key.region, "placement": key.placement, "owner": survey.owner,
            "octopus_version": survey.octopus_version, "spec_digest": survey.spec_digest, "licence": survey.licence,
            "node_limit": survey.node_limit, "master_key": survey.master_key,
            "master_key_version": survey.master_key_version, "holds_data": survey.holds_data, "url": survey.url,
            "polling": survey.polling, "accounts_apart": survey.accounts_apart, **self._line(survey),
        }  # fmt: skip
        cell = self._put(cells, "cell", {"account": key.account, "name": key.name}, values)
        restore_points.settle(self._connection, self.now, cell, gone=not survey.holds_data)
        self._nodes(cell, survey)
        complete = survey.host is not None and survey.gateway is not None and any(x.kind for x in survey.shares)
        if key.placement == "reef":
            self._hold(cell, survey)
        elif complete:
            self._place(cell, survey)
        else:
            self._drop_place(cell, survey)

    def forget(self, account: str, name: str) -> None:
        """Make a cell whose state is gone a tombstone: it keeps its incarnation, and nothing else."""
        self._cell = name
        cell = self._connection.execute(_named(account, name)).one()
        if cell.state != "purged":
            self._gone(f"cell {name}")
        self._drop(cell.id, account, name)
        change(
            self._connection, cells, cell.id, cell.version,
            {"state": "purged", "state_since": self.now, "holds_data": False, "last_error": ""},
        )  # fmt: skip
        restore_points.settle(self._connection, self.now, int(cell.id), gone=True)

    def anew(self, survey: Survey) -> None:
        """Drop what a dedicated cell has in the registry and record it again; its history and incarnation stay."""
        key = survey.key
        found = self._connection.execute(_named(key.account, key.name)).one_or_none()
        if found is not None:
            self._drop(found.id, key.account, key.name)
            if found.state not in _OWN_LINE and found.state != survey.state:
                change(self._connection, cells, found.id, found.version, {"state": survey.state})
        self.record(survey)

    def _line(self, survey: Survey) -> dict[str, object]:
        """Return incarnation and state: the registry's own, where it has them and the cell was not purged."""
        found = self._connection.execute(_named(survey.key.account, survey.key.name)).one_or_none()
        number = max(survey.incarnation, found.incarnation if found is not None else 1)
        if found is not None and (found.state != "purged" or survey.state == "requested"):
            return {"incarnation": number}
        return {"incarnation": number, "state": survey.state, "state_since": self.now}

    def _nodes(self, cell: int, survey: Survey) -> None:
        for node in survey.nodes:
            values = {
                "name": node.name, "address": node.address, "octopus_version": node.version,
                "task_cap": node.task_cap, "state": node.state, "state_since": self.now,
            }  # fmt: skip
            self._put(nodes, f"node {node.name}", {"cell_id": cell, "ordinal": node.ordinal}, values)
        there = [node.ordinal for node in survey.nodes]
        gone = (nodes.c.cell_id == cell) & nodes.c.ordinal.not_in(there)
        for name in self._connection.execute(select(nodes.c.name).where(gone)).scalars().all():
            self._gone(f"node {name}")
        self._connection.execute(delete(nodes).where(gone))

    def _place(self, cell: int, survey: Survey) -> None:
        key, host, gateway = survey.key, survey.host, survey.gateway
        assert host is not None
        assert gateway is not None
        self._drop_moved(cell, survey)
        life = {"state": "in_service", "state_since": self.now}
        reef = self._put(
            reefs, f"reef {key.name}", {"account": key.account, "name": key.name, "kind": "dedicated"},
            {"cloud": key.cloud, "region": key.region, "max_cells": 1, **life},
        )  # fmt: skip
        slot = self._database(reef, host, life)
        gateway_id, shares = self._shares(reef, gateway, survey.shares, life)
        self._bind(cell, survey, (reef, slot, gateway_id), shares)

    def _database(self, reef: int, host: HostSeen, life: Mapping[str, object]) -> int:
        values = {
            "kind": host.kind, "size": host.size, "ha_mode": host.ha_mode, "endpoint": host.endpoint, "capacity": 1,
            "reserve": 0, **life,
        }  # fmt: skip
        host_id = self._put(hosts, f"host {host.name}", {"reef_id": reef, "name": host.name}, values)
        slot = {"reef_id": reef, "purpose": "cell", "database": host.database, **life, "state": "bound"}
        return self._put(database_slots, f"database {host.database}", {"host_id": host_id, "number": 1}, slot)

    def _shares(
        self, reef: int, gateway: GatewaySeen, shares: Iterable[ShareSeen], life: Mapping[str, object]
    ) -> tuple[int, Mapping[str, int]]:
        """Record the gateway and its shares; return its id and the slot of each kind of file."""
        found = sorted(shares, key=lambda share: (not share.kind, share.kind, share.name))
        values = {**asdict(gateway), "max_slots": max(1, len(found)), **life}
        del values["name"]
        key = {"reef_id": reef, "name": gateway.name}
        gateway_id = self._put(gateways, f"gateway {gateway.name}", key, values)
        slots: dict[str, int] = {}
        for number, share in enumerate(found, 1):
            bound = bool(share.kind)
            values = {
                "share_id": share.share_id, "share_name": share.name, "bucket": share.bucket,
                "client_list": None if share.clients is None else list(share.clients), "held_data": bound, **life,
                "state": "bound" if bound else "available",
            }  # fmt: skip
            slot = self._put(share_slots, f"share {share.name}", {"gateway_id": gateway_id, "number": number}, values)
            if bound:
                slots[share.kind] = slot
        return gateway_id, slots

    def _hold(self, cell: int, survey: Survey) -> None:
        """Record whom the shares of a cell on a reef admit, and its place where the registry has lost that."""
        for share in survey.shares:
            slot = self._connection.execute(select(share_slots).where(share_slots.c.share_id == share.share_id)).first()
            if slot is not None:
                key = {"gateway_id": slot.gateway_id, "number": slot.number}
                clients = None if share.clients is None else list(share.clients)
                self._put(share_slots, f"share {share.name}", key, {"client_list": clients})
        if survey.place and survey.holds_data:
            held = holding.restored(self._connection, self.now, cell, survey)
            if held:
                self.differences.append(Difference(cell=self._cell, what=held, field="", recorded=None, found=held))
        if survey.gateway is not None and survey.gateway.kind == own_files.KIND:
            self._hold_account(cell, survey.gateway)

    def _hold_account(self, cell: int, account: GatewaySeen) -> None:
        """Record what the storage account that a cell brought to its reef is called in its cloud."""
        query = (
            select(share_slots.c.gateway_id, share_slots.c.number, gateways.c.reef_id, gateways.c.name)
            .join(binding_shares, binding_shares.c.share_slot_id == share_slots.c.id)
            .join(bindings, bindings.c.id == binding_shares.c.binding_id)
            .join(gateways, gateways.c.id == share_slots.c.gateway_id)
            .where(bindings.c.cell_id == cell, bindings.c.until.is_(None), gateways.c.kind == own_files.KIND)
        )
        row = self._connection.execute(query).one_or_none()
        if row is not None:
            what = f"storage account {account.name}"
            self._put(gateways, what, {"reef_id": row.reef_id, "name": row.name}, {"object_id": account.object_id})
            self._put(
                share_slots, what, {"gateway_id": row.gateway_id, "number": row.number},
                {"share_id": account.object_id, "share_name": account.name, "bucket": account.name},
            )  # fmt: skip

    def _bind(self, cell: int, survey: Survey, place: tuple[int, int, int], shares: Mapping[str, int]) -> None:
        reef, slot, gateway = place
        key = survey.key
        binding = self._put(
            bindings, f"place of {key.name}", {"cell_id": cell, "until": None},
            {"account": key.account, "cloud": key.cloud, "region": key.region, "reef_id": reef,
             "database_slot_id": slot, "gateway_id": gateway, "since": self.now, "reserved_until": None},
        )  # fmt: skip
        mine = (binding_shares.c.binding_id == binding) & binding_shares.c.until.is_(None)
        rows = self._connection.execute(select(binding_shares.c.kind, binding_shares.c.share_slot_id).where(mine))
        recorded = {row.kind: row.share_slot_id for row in rows}
        if recorded == dict(shares):
            return
        if recorded:
            self._differs(f"place of {key.name}", "shares", sorted(recorded), sorted(shares))
        self._connection.execute(delete(binding_shares).where(mine))
        self._connection.execute(
            insert(binding_shares),
            [{"binding_id": binding, "share_slot_id": share, "gateway_id": gateway, "kind": kind}
             for kind, share in shares.items()],
        )  # fmt: skip

    def _drop_moved(self, cell: int, survey: Survey) -> None:
        """Drop a place whose host, gateway or number of shares is another one by now, to be recorded anew."""
        query = (
            select(hosts.c.name.label("host"), gateways.c.name.label("gateway"), gateways.c.max_slots)
            .select_from(bindings)
            .join(database_slots, database_slots.c.id == bindings.c.database_slot_id)
            .join(hosts, hosts.c.id == database_slots.c.host_id)
            .join(gateways, gateways.c.id == bindings.c.gateway_id)
            .where(bindings.c.cell_id == cell, bindings.c.until.is_(None))
        )
        row = self._connection.execute(query).one_or_none()
        assert survey.host is not None
        assert survey.gateway is not None
        now = (survey.host.name, survey.gateway.name, max(1, len(survey.shares)))
        if row is not None and tuple(row) != now:
            self._differs(f"place of {survey.key.name}", "host, gateway, shares", tuple(row), now)
            self._drop(cell, survey.key.account, survey.key.name, with_nodes=False)

    def _drop_place(self, cell: int, survey: Survey) -> None:
        there = select(bindings.c.id).where(bindings.c.cell_id == cell)
        if self._connection.execute(there).first() is not None:
            self._gone(f"place of {survey.key.name}")
        self._drop(cell, survey.key.account, survey.key.name, with_nodes=False)

    def _drop(self, cell: int, account: str, name: str, *, with_nodes: bool = True) -> None:
        """Delete what a dedicated cell had of its own."""
        own = (reefs.c.account == account) & (reefs.c.name == name) & (reefs.c.kind == "dedicated")
        reef = select(reefs.c.id).where(own)
        mine = select(bindings.c.id).where(bindings.c.cell_id == cell, bindings.c.reef_id.in_(reef))
        its_gateways = select(gateways.c.id).where(gateways.c.reef_id.in_(reef))
        for table, wanted in (
            (binding_shares, binding_shares.c.binding_id.in_(mine)),
            (bindings, bindings.c.id.in_(mine)),
            (share_slots, share_slots.c.gateway_id.in_(its_gateways)),
            (database_slots, database_slots.c.reef_id.in_(reef)),
            (gateways, gateways.c.reef_id.in_(reef)),
            (hosts, hosts.c.reef_id.in_(reef)),
            (reefs, own),
        ):
            self._connection.execute(delete(table).where(wanted))
        if with_nodes:
            self._connection.execute(delete(nodes).where(nodes.c.cell_id == cell))

    def _put(
        self,
        table: Table,
        what: str,
        key: Mapping[str, object],
        values: Mapping[str, object],
        *,
        born: Mapping[str, object] | None = None,
    ) -> int:
        """Insert the row of a key, or update what differs; return its id. `born`: what only a new row is given."""
        mine = [table.c[name].is_(None) if value is None else table.c[name] == value for name, value in key.items()]
        found = self._connection.execute(select(table).where(*mine).with_for_update()).one_or_none()
        if found is None:
            self.differences.append(Difference(cell=self._cell, what=what, field="", recorded=None, found=what))
            return add(self._connection, table, {**key, **values, **(born or {})})
        recorded = found._mapping
        changed = {name: value for name, value in values.items() if name not in _SINCE and recorded[name] != value}
        for name, value in changed.items():
            self._differs(what, name, recorded[name], value)
        if changed:
            since = {"state_since": self.now} if "state" in changed else {}
            mine_now = (table.c.id == found.id) & (table.c.version == found.version)
            self._connection.execute(
                update(table).where(mine_now).values(**changed, **since, version=found.version + 1)
            )
        return int(found.id)

    def _differs(self, what: str, field: str, recorded: object, found: object) -> None:
        self.differences.append(Difference(cell=self._cell, what=what, field=field, recorded=recorded, found=found))

    def _gone(self, what: str) -> None:
        self.differences.append(Difference(cell=self._cell, what=what, field="", recorded=what, found=None))


def recorded_cells(connection: Connection, account: str) -> dict[str, str]:
    """Return name and state of each cell that the registry has in an account."""
    query = select(cells.c.name, cells.c.state).where(cells.c.account == account).order_by(cells.c.name)
    return {row.name: row.state for row in connection.execute(query)}


def _named(account: str, name: str) -> Select[tuple[object, ...]]:
    return select(cells).where(cells.c.account == account, cells.c.name == name)
