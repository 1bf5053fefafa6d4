"""Reefs in the registry: recorded from their states, given back with their cells' places, taken out of service."""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, true, update

from cellctl.errors import GuardError, Objection, UsageError
from cellctl.facts.capacity import capacity
from cellctl.listing import some
from cellctl.registry import doors, own_files, states
from cellctl.registry.recording import Difference, Recorder
from cellctl.registry.rows import change, row_of, tell
from cellctl.registry.stock import add_database_slots
from cellctl.registry.survey import ReefBalancer, ReefGateway, ReefHost, ReefSurvey, Survey
from cellctl.registry.tables import (
    balancer_slots,
    balancers,
    bindings,
    cells,
    database_slots,
    gateways,
    hosts,
    reefs,
    share_slots,
)

if TYPE_CHECKING:
    from cellctl.registry.database import Database


class ReefRecorder(Recorder):
    """Makes the rows of a reef say what its state says; what slots hold, and what is cordoned, is its own."""

    def see(self, survey: Survey | ReefSurvey) -> None:
        """Record a cell or a reef."""
        if isinstance(survey, ReefSurvey):
            self.record_reef(survey)
        else:
            self.record(survey)

    def record_reef(self, survey: ReefSurvey) -> None:
        """Record a reef, its hosts and gateways, and a slot for each database and share."""
        key = survey.key
        self._cell = f"reef/{key.name}"
        self._life = {"state": "in_service" if survey.whole else "planned", "state_since": self.now}
        place = {"place": dict(survey.place)} if survey.place else {}
        reef = self._put(
            reefs, f"reef {key.name}", {"account": key.account, "name": key.name, "kind": "shared"},
            {"cloud": key.cloud, "region": key.region, "max_cells": survey.max_cells, **place}, born=self._life,
        )  # fmt: skip
        self._build(reef, survey)
        if not survey.place:
            return
        self._serving("reef", reef, survey)
        for host in survey.hosts:
            self._host(reef, host, survey)
        for gateway in survey.gateways:
            self._gateway(reef, gateway, survey)
        for balancer in survey.balancers:
            self._balancer(reef, balancer, survey)
        self._retire(reef, survey)

    def _host(self, reef: int, host: ReefHost, survey: ReefSurvey) -> None:
        known = capacity(survey.key.cloud)
        takes = known.databases_of(host.size, host.ha_mode)
        reserve = known.reserve_of(takes)
        values = {
            "kind": host.kind, "size": host.size, "ha_mode": host.ha_mode, "endpoint": host.endpoint,
            "capacity": takes, "reserve": reserve, "place": dict(host.place),
        }  # fmt: skip
        row = self._put(hosts, f"host {host.name}", {"reef_id": reef, "name": host.name}, values, born=self._life)
        self._serving("host", row, survey)
        add_database_slots(self._connection, row, now=self.now)

    def _gateway(self, reef: int, gateway: ReefGateway, survey: ReefSurvey) -> None:
        values = {
            **asdict(gateway.seen), "zone": gateway.zone, "max_slots": len(gateway.shares),
            "place": dict(gateway.place),
        }  # fmt: skip
        del values["name"]
        name = gateway.seen.name
        life = {**self._life, "state": "probing" if survey.whole else "planned"}
        row = self._put(gateways, f"gateway {name}", {"reef_id": reef, "name": name}, values, born=life)
        self._ready(row, survey)
        # What was in a bucket before this registry knew of it is not known: a look at it proves it clean (I6).
        fresh = "quarantined" if gateway.keeps else "available"
        born = {"state": fresh, "state_since": self.now, "client_list": []}
        for number, (share_id, share, bucket) in enumerate(gateway.shares, start=1):
            self._put(
                share_slots, f"share {share}", {"gateway_id": row, "number": number},
                {"share_id": share_id, "share_name": share, "bucket": bucket}, born=born,
            )  # fmt: skip

    def _balancer(self, reef: int, balancer: ReefBalancer, survey: ReefSurvey) -> None:
        values = {
            "kind": balancer.kind, "object_id": balancer.object_id, "slots": balancer.slots,
            "place": dict(balancer.place),
        }  # fmt: skip
        key = {"reef_id": reef, "name": balancer.name}
        row = self._put(balancers, f"balancer {balancer.name}", key, values, born=self._life)
        self._serving("balancer", row, survey)
        doors.add_slots(self._connection, row, reef, balancer.slots, now=self.now)

    def _serving(self, kind: str, row_id: int, survey: ReefSurvey) -> None:
        """Bring into service what waited for it; what was cordoned stays so."""
        table = {"reef": reefs, "host": hosts, "gateway": gateways, "balancer": balancers}[kind]
        found = self._connection.execute(select(table).where(table.c.id == row_id)).one()
        if survey.whole and found.state == "retired":
            self._anew(kind, row_id)
        if survey.whole and found.state in ("planned", "retired"):
            change(
                self._connection, table, row_id, int(found.version),
                {"state": "in_service", "state_since": self.now},
            )  # fmt: skip

    def _build(self, reef: int, survey: ReefSurvey) -> None:
        """Record how far gateways have come that are not complete."""
        for name, state in survey.building.items():
            row = self._put(
                gateways, f"gateway {name}", {"reef_id": reef, "name": name},
                {"kind": "storage_gateway", "protocol": survey.protocol},
                born={"max_slots": capacity(survey.key.cloud).gateway_slots, "state": state, "state_since": self.now},
            )  # fmt: skip
            found = self._connection.execute(select(gateways).where(gateways.c.id == row)).one()
            if found.state != state and found.state in states.BUILDING:
                change(self._connection, gateways, row, int(found.version), {"state": state, "state_since": self.now})

    def _ready(self, row_id: int, survey: ReefSurvey) -> None:
        """Let a gateway that is complete wait for its gates: who brings it into service has seen them hold."""
        found = self._connection.execute(select(gateways).where(gateways.c.id == row_id)).one()
        if survey.whole and found.state == "retired":
            self._anew("gateway", row_id)
        if survey.whole and found.state in (*states.BUILDING, "retired"):
            values = {"state": "probing", "state_since": self.now}
            change(self._connection, gateways, row_id, int(found.version), values)

    def _anew(self, kind: str, row_id: int) -> None:
        """Open the slots of a host that was made again; those of a gateway once their buckets are proven empty."""
        fresh: dict[str, object] = {"state": "available", "state_since": self.now}
        if kind == "host":
            mine = (database_slots.c.host_id == row_id) & (database_slots.c.state == "retired")
            self._connection.execute(update(database_slots).where(mine).values(**fresh, database=""))
        elif kind == "balancer":
            mine = (balancer_slots.c.balancer_id == row_id) & (balancer_slots.c.state == "retired")
            self._connection.execute(update(balancer_slots).where(mine).values(**fresh))
        elif kind == "gateway":
            mine = (share_slots.c.gateway_id == row_id) & (share_slots.c.state == "retired")
            unseen: dict[str, object] = {"state": "quarantined", "scrub_remaining": None, "client_list": []}
            self._connection.execute(update(share_slots).where(mine).values(**{**fresh, **unseen}))

    def _retire(self, reef: int, survey: ReefSurvey) -> None:
        """Retire hosts and gateways that the reef has no more."""
        for table, there in (
            (hosts, [host.name for host in survey.hosts]),
            (gateways, [*(gateway.seen.name for gateway in survey.gateways), *survey.building]),
            (balancers, [balancer.name for balancer in survey.balancers]),
        ):
            gone = (table.c.reef_id == reef) & table.c.name.not_in(there) & (table.c.state != "retired")
            gone &= (gateways.c.kind != own_files.KIND) if table is gateways else true()
            for row in self._connection.execute(select(table).where(gone)).all():
                self.differences.append(
                    Difference(cell=self._cell, what=str(row.name), field="", recorded=row.name, found=None)
                )
                values = {"state": "retired", "state_since": self.now}
                change(self._connection, table, int(row.id), int(row.version), values)


def cells_of(connection: Connection, account: str, name: str) -> list[str]:
    """Return the cells that have a place on a reef, reserved or bound."""
    query = (
        select(cells.c.name)
        .join(bindings, bindings.c.cell_id == cells.c.id)
        .join(reefs, reefs.c.id == bindings.c.reef_id)
        .where(bindings.c.until.is_(None), reefs.c.account == account, reefs.c.name == name, reefs.c.kind == "shared")
    )
    return sorted(connection.execute(query).scalars())


def stacks_of(connection: Connection, account: str) -> list[str]:
    """Return the cells and reefs of an account of which something is there, reefs as `reef/NAME`."""
    living = select(cells.c.name).where(cells.c.account == account, cells.c.state.not_in(("purged", "requested")))
    standing = select(reefs.c.name).where(
        reefs.c.account == account, reefs.c.kind == "shared", reefs.c.state != "retired"
    )
    names = [*connection.execute(living).scalars(), *(f"reef/{one}" for one in connection.execute(standing).scalars())]
    return sorted(map(str, names))


def withdraw(database: Database, account: str, name: str) -> None:
    """Cordon a reef that is to go.

    Raises:
        GuardError: Cells have a place on it.
    """

    def work(connection: Connection) -> None:
        reef = _named(connection, account, name)
        if reef is None:
            return
        row_of(connection, "reef", reef, lock=True)
        refuse_in_use(name, cells_of(connection, account, name))
        row = row_of(connection, "reef", reef)
        if row.state == "in_service":
            now = database.now(connection)
            change(connection, reefs, reef, int(row.version), {"state": "cordoned", "state_since": now})

    database.write(work)


def refuse_in_use(name: str, found: list[str]) -> None:
    """Raise GuardError if a reef has cells."""
    if found:
        raise GuardError([
            Objection(
                code="reef_in_use",
                reason=f"reef '{name}' carries {len(found)} cell{'s' if len(found) > 1 else ''}: {some(found, 5)}",
                remedy="take its cells down first, or leave it: `cellctl reef cordon` stops new ones",
            )
        ])  # fmt: skip


def gone(connection: Connection, now: float, account: str, name: str) -> None:
    """Record that a reef is taken away: it and all of it is retired, and its history stays."""
    reef = _named(connection, account, name)
    if reef is None:
        return
    retired = {"state": "retired", "state_since": now}
    its_gateways = select(gateways.c.id).where(gateways.c.reef_id == reef)
    for table, mine in (
        (share_slots, share_slots.c.gateway_id.in_(its_gateways)),
        (balancer_slots, balancer_slots.c.reef_id == reef),
        (balancers, balancers.c.reef_id == reef),
        (database_slots, database_slots.c.reef_id == reef),
        (gateways, gateways.c.reef_id == reef),
        (hosts, hosts.c.reef_id == reef),
        (reefs, reefs.c.id == reef),
    ):
        connection.execute(update(table).where(mine).values(**retired, version=table.c.version + 1))
    tell(connection, now, (account, "reef", name), "retired")


def set_cordon(database: Database, account: str, reef: str, gateway: str = "", *, on: bool) -> str:
    """Let a reef, or a host, gateway or balancer of it by name, take no new cells or take them again; return its state.

    Raises:
        UsageError: There is no such reef, host or gateway.
    """

    def work(connection: Connection) -> str:
        now, found = database.now(connection), _named(connection, account, reef)
        if found is None:
            raise UsageError(f"the registry knows no reef '{reef}'", hint=f"cellctl reef up {reef}", code="no_reef")
        row_of(connection, "reef", found, lock=True)
        table = reefs
        row = row_of(connection, "reef", found)
        for kind in (hosts, gateways, balancers) if gateway else ():
            mine = (kind.c.reef_id == found) & (kind.c.name == gateway)
            part = connection.execute(select(kind).where(mine)).one_or_none()
            table, row = (kind, part) if part is not None else (table, row)
        if gateway and table is reefs:
            message = f"reef '{reef}' has no host, gateway or balancer '{gateway}'"
            raise UsageError(message, hint=f"cellctl reef status {reef} lists them", code="no_part")
        before, after = ("in_service", "cordoned") if on else ("cordoned", "in_service")
        if row.state != before:
            return str(row.state)
        change(connection, table, int(row.id), int(row.version), {"state": after, "state_since": now})
        tell(connection, now, (account, "reef", reef), "cordoned" if on else "uncordoned", {"what": gateway or reef})
        return after

    return database.write(work)


def _named(connection: Connection, account: str, name: str) -> int | None:
    query = select(reefs.c.id).where(reefs.c.account == account, reefs.c.name == name, reefs.c.kind == "shared")
    found = connection.execute(query).scalar()
    return None if found is None else int(found)
