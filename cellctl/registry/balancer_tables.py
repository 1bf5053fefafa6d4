"""Tables of load balancers that the cells of a reef share: each has a place in one of web, and in one of polling."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from cellctl.registry import states
from cellctl.registry.columns import key, life, metadata, moment, number, one_of, place, words

_OPEN = text("until IS NULL")

balancers = Table(
    "balancers",
    metadata,
    key(),
    Column("reef_id", ForeignKey("reefs.id"), nullable=False),
    words("name", None),
    words("kind", None),
    words("object_id"),
    number("slots"),
    *life(),
    place(),
    UniqueConstraint("reef_id", "name"),
    UniqueConstraint("id", "reef_id"),
    one_of("balancers_kind", "kind", ("web", "polling")),
    one_of("balancers_state", "state", states.BALANCER),
    CheckConstraint("slots >= 1", name="balancers_slots"),
)

balancer_slots = Table(
    "balancer_slots",
    metadata,
    key(),
    number("balancer_id"),
    number("reef_id"),
    number("number"),
    *life(),
    ForeignKeyConstraint(["balancer_id", "reef_id"], ["balancers.id", "balancers.reef_id"]),
    UniqueConstraint("balancer_id", "number"),
    UniqueConstraint("id", "reef_id"),
    one_of("balancer_slots_state", "state", states.BALANCER_SLOT),
    CheckConstraint("number >= 1", name="balancer_slots_number"),
)

binding_balancers = Table(
    "binding_balancers",
    metadata,
    Column("binding_id", Integer, primary_key=True),
    Column("balancer_slot_id", Integer, primary_key=True),
    number("reef_id"),
    words("kind", None),
    moment("until", nullable=True),
    ForeignKeyConstraint(["binding_id", "reef_id"], ["bindings.id", "bindings.reef_id"], name="i8_balancer_of_binding"),
    ForeignKeyConstraint(
        ["balancer_slot_id", "reef_id"], ["balancer_slots.id", "balancer_slots.reef_id"], name="i8_balancer_on_reef"
    ),
    UniqueConstraint("binding_id", "kind"),
    one_of("binding_balancers_kind", "kind", ("web", "polling")),
    Index("i1_one_cell_per_balancer_slot", "balancer_slot_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)
