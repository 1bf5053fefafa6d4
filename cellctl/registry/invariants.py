"""The invariants I1 to I10 of the registry, looked for in what is there.

Most are constraints of the database already; here is what a constraint cannot say, and what a tool that ignores
constraints could have broken. Numbers and wording: docs/concepts/registry.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, text

from cellctl.registry import states
from cellctl.registry.tables import (
    accounts,
    balancer_slots,
    balancers,
    binding_balancers,
    binding_shares,
    bindings,
    cells,
    database_slots,
    gateways,
    hosts,
    nodes,
    operations,
    reefs,
    restore_points,
    share_slots,
)

DOORS = ("web", "polling")
_REBUILD = "cellctl registry rebuild"


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One thing that is not as it must be. `invariant` is `I1` to `I10`, or `state` where the state says otherwise."""

    invariant: str
    subject: str
    message: str
    remedy: str


def violations(connection: Connection) -> list[Violation]:
    """Return everything that breaks an invariant, in their order."""
    return [found for look in _LOOKS for found in look(connection)]


def _bound_slots(connection: Connection) -> Iterator[Violation]:
    """I1: a slot that is taken has one cell, and a cell that is bound has its slots."""
    share_bindings = select(binding_shares.c.share_slot_id).where(binding_shares.c.until.is_(None))
    database_bindings = select(bindings.c.database_slot_id).where(bindings.c.until.is_(None))
    doors = select(binding_balancers.c.balancer_slot_id).where(binding_balancers.c.until.is_(None))
    for table, kind, held in (
        (database_slots, "database slot", database_bindings),
        (share_slots, "share slot", share_bindings),
        (balancer_slots, "balancer slot", doors),
    ):
        taken = table.c.state.in_(("reserved", "bound"))
        for row in connection.execute(select(table.c.id, table.c.state).where(taken, table.c.id.not_in(held))):
            yield Violation(
                invariant="I1",
                subject=f"{kind} {row.id}",
                message=f"is {row.state}, and no cell has it",
                remedy=_REBUILD,
            )
        for row in connection.execute(select(table.c.id, table.c.state).where(~taken, table.c.id.in_(held))):
            yield Violation(
                invariant="I1",
                subject=f"{kind} {row.id}",
                message=f"is {row.state}, and a cell has it",
                remedy=_REBUILD,
            )


def _nested_prefixes(connection: Connection) -> Iterator[Violation]:
    """I2: no share writes to a bucket, or below a prefix, to which another one writes."""
    writes = share_slots.c.state.in_(states.WRITING) & (share_slots.c.bucket != "")
    writers: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in connection.execute(select(share_slots.c.id, share_slots.c.bucket, share_slots.c.prefix).where(writes)):
        writers[row.bucket].append((row.prefix, row.id))
    for bucket, found in writers.items():
        for (outer, first), (inner, second) in zip(sorted(found), sorted(found)[1:], strict=False):
            if inner.startswith(outer):
                yield Violation(
                    invariant="I2",
                    subject=f"bucket {bucket}",
                    message=f"share slots {first} ('{outer}') and {second} ('{inner}') both write there",
                    remedy="make one of the shares read-only, then detach it",
                )


def _clients(connection: Connection) -> Iterator[Violation]:
    """I3: a share that is bound admits the addresses of its cell's living nodes, and nobody else."""
    living = select(nodes.c.cell_id, nodes.c.address).where(nodes.c.state.in_(states.REGISTERED))
    addresses: dict[int, set[str]] = defaultdict(set)
    for node in connection.execute(living):
        addresses[node.cell_id].add(node.address)
    query = (
        _with_cell(select(share_slots.c.id, share_slots.c.client_list, cells.c.name, bindings.c.cell_id))
        .join(share_slots, share_slots.c.id == binding_shares.c.share_slot_id)
        .where(share_slots.c.state == "bound")
    )
    for row in connection.execute(query):
        admitted = {str(client).removesuffix("/32") for client in row.client_list or ()}
        if row.client_list is not None and admitted != addresses[row.cell_id]:
            more, less = sorted(admitted - addresses[row.cell_id]), sorted(addresses[row.cell_id] - admitted)
            words = [f"admits {', '.join(more)}" if more else "", f"does not admit {', '.join(less)}" if less else ""]
            yield Violation(
                invariant="I3",
                subject=f"cell {row.name}, share slot {row.id}",
                message=f"{' and '.join(filter(None, words))}: its clients are not its cell's nodes",
                remedy=f"cellctl up {row.name}",
            )


def _placed(connection: Connection) -> Iterator[Violation]:
    """I4: cells are only on what is, or was, in service; no host holds more than its head-room leaves."""
    query = (
        _with_cell(
            select(
                cells.c.name, reefs.c.state.label("reef"), hosts.c.state.label("host"),
                gateways.c.state.label("gateway"), database_slots.c.purpose, reefs.c.kind,
            ),
            shares=False,
        )
        .join(reefs, reefs.c.id == bindings.c.reef_id)
        .join(database_slots, database_slots.c.id == bindings.c.database_slot_id)
        .join(hosts, hosts.c.id == database_slots.c.host_id)
        .join(gateways, gateways.c.id == bindings.c.gateway_id)
    )  # fmt: skip
    for row in connection.execute(query):
        for kind in ("reef", "host", "gateway"):
            if getattr(row, kind) not in states.BEEN_IN_SERVICE:
                message = f"is on a {kind} that is {getattr(row, kind)}"
                yield Violation(invariant="I4", subject=f"cell {row.name}", message=message, remedy=_REBUILD)
        if row.purpose != "cell":
            message = "lives in a database slot that is kept for restores"
            yield Violation(invariant="I4", subject=f"cell {row.name}", message=message, remedy="move it to another")
    yield from _doors(connection)
    gone = (
        select(accounts.c.account, cells.c.name, accounts.c.state)
        .join(cells, (cells.c.account == accounts.c.account) & (cells.c.cloud == accounts.c.cloud))
        .where(accounts.c.state.in_(("decommissioning", "purged")), cells.c.state.not_in(("purged", "requested")))
    )
    for lost in connection.execute(gone):
        message = f"is in account {lost.account}, whose base is {lost.state}: its state was there"
        yield Violation(invariant="I4", subject=f"cell {lost.name}", message=message, remedy="cellctl account up")
    full = (
        select(reefs.c.name, reefs.c.max_cells, func.count().label("cells"))
        .join(bindings, bindings.c.reef_id == reefs.c.id)
        .where(bindings.c.until.is_(None))
        .group_by(reefs.c.id, reefs.c.name, reefs.c.max_cells)
        .having(func.count() > reefs.c.max_cells)
    )
    for reef in connection.execute(full):
        message = f"has {reef.cells} cells and room for {reef.max_cells}"
        yield Violation(invariant="I4", subject=f"reef {reef.name}", message=message, remedy="raise its limit")


def _doors(connection: Connection) -> Iterator[Violation]:
    """I4: cells share only balancers that are, or were, in service, and have one of each kind or none."""
    query = (
        _with_cell(select(cells.c.name, balancers.c.name.label("balancer"), balancers.c.state), shares=False)
        .join(binding_balancers, binding_balancers.c.binding_id == bindings.c.id)
        .join(balancer_slots, balancer_slots.c.id == binding_balancers.c.balancer_slot_id)
        .join(balancers, balancers.c.id == balancer_slots.c.balancer_id)
        .where(binding_balancers.c.until.is_(None))
    )
    kinds: dict[str, int] = defaultdict(int)
    for row in connection.execute(query):
        kinds[row.name] += 1
        if row.state not in states.BEEN_IN_SERVICE:
            message = f"shares load balancer {row.balancer}, which is {row.state}"
            yield Violation(invariant="I4", subject=f"cell {row.name}", message=message, remedy=_REBUILD)
    for name, number in kinds.items():
        if number != len(DOORS):
            message = f"has {number} place on shared load balancers instead of one of web and one of polling"
            yield Violation(invariant="I4", subject=f"cell {name}", message=message, remedy=_REBUILD)


def _references(connection: Connection) -> Iterator[Violation]:
    """I5 and I8: what refers to another row finds it, on one reef, gateway and region."""
    if connection.dialect.name != "sqlite":
        return  # PostgreSQL lets nobody past a foreign key
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        message = f"row {row[1]} refers to {row[2]} that does not fit: another reef, gateway or region, or none"
        yield Violation(invariant="I8", subject=f"table {row[0]}", message=message, remedy=_REBUILD)


def _scrubbed(connection: Connection) -> Iterator[Violation]:
    """I6: a share that once was bound is had again only after its scrub is proven."""
    held = (
        select(binding_shares.c.share_slot_id)
        .join(bindings, bindings.c.id == binding_shares.c.binding_id)
        .where(bindings.c.reserved_until.is_(None))
    )
    dirty = share_slots.c.scrub_remaining.is_(None) | (share_slots.c.scrub_remaining != 0)
    query = select(share_slots.c.id, share_slots.c.state).where(
        share_slots.c.state.in_(("available", "reserved")), share_slots.c.id.in_(held), dirty
    )
    for row in connection.execute(query):
        message = f"is {row.state} again after it held a cell's data, and no scrub is proven"
        remedy = "take it out of service and scrub its bucket"
        yield Violation(invariant="I6", subject=f"share slot {row.id}", message=message, remedy=remedy)


def _keys(connection: Connection) -> Iterator[Violation]:
    """I7: the master key is in the secret store before the database holds data; a restore point names its version."""
    for name in connection.execute(select(cells.c.name).where(cells.c.holds_data, cells.c.master_key == "")).scalars():
        message = "holds data, and its master key is nowhere"
        yield Violation(invariant="I7", subject=f"cell {name}", message=message, remedy=f"cellctl up {name}")
    of_cell = select(cells.c.name, restore_points).join(cells, cells.c.id == restore_points.c.cell_id)
    keyless = (restore_points.c.master_key == "") | (restore_points.c.master_key_version == "")
    for row in connection.execute(of_cell.where(keyless)):
        message = f"its restore point {row.kind} at {row.location} names no version of a master key"
        remedy = "find out with which key its data is sealed, before that key goes"
        yield Violation(invariant="I7", subject=f"cell {row.name}", message=message, remedy=remedy)
    running = select(operations.c.id).where(operations.c.ended.is_(None))
    expected = (restore_points.c.state == "expected") & restore_points.c.operation.not_in(running)
    for row in connection.execute(of_cell.where(expected)):
        message = f"run {row.operation} was to leave {row.kind} {row.location} and did not say whether it is there"
        remedy = f"cellctl down {row.name} --delete-data finishes it"
        yield Violation(invariant="I10", subject=f"cell {row.name}", message=message, remedy=remedy)


def _licences(connection: Connection) -> Iterator[Violation]:
    """I9: no more nodes are registered than the licence allows."""
    query = (
        select(cells.c.name, cells.c.node_limit, func.count().label("nodes"))
        .join(nodes, nodes.c.cell_id == cells.c.id)
        .where(nodes.c.state.in_(states.REGISTERED), cells.c.node_limit > 0)
        .group_by(cells.c.id, cells.c.name, cells.c.node_limit)
        .having(func.count() > cells.c.node_limit)
    )
    for row in connection.execute(query):
        message = f"has {row.nodes} registered nodes, and its licence allows {row.node_limit}"
        remedy = "install a licence for more nodes, or lower spec.nodes.count and run `cellctl up`"
        yield Violation(invariant="I9", subject=f"cell {row.name}", message=message, remedy=remedy)


def _operations(connection: Connection) -> Iterator[Violation]:
    """I10: an operation that succeeded has passed its gate."""
    bare = select(operations.c.id, operations.c.target).where(
        operations.c.state == "succeeded", operations.c.gate == ""
    )
    for row in connection.execute(bare):
        message = f"operation {row.id} succeeded without a gate"
        yield Violation(invariant="I10", subject=f"{row.target}", message=message, remedy=f"cellctl up {row.target}")


def _with_cell(query: Select[tuple[object, ...]], *, shares: bool = True) -> Select[tuple[object, ...]]:
    """Return the query over open bindings and their cells, and over the shares of each."""
    joined = query.select_from(bindings).join(cells, cells.c.id == bindings.c.cell_id)
    if shares:
        joined = joined.join(binding_shares, binding_shares.c.binding_id == bindings.c.id)
    return joined.where(bindings.c.until.is_(None))


_LOOKS: tuple[Callable[[Connection], Iterator[Violation]], ...] = (
    _bound_slots,
    _nested_prefixes,
    _clients,
    _placed,
    _references,
    _scrubbed,
    _keys,
    _licences,
    _operations,
)
