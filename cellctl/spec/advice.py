"""What a cell file may say and had better not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl.spec.model import CellBody, CellSpec

ADVISED_NODES = 6  # Octopus documentation on node planning (read 2026-10): tested up to 8, 2 to 4 are best

TASKS_OF_DATABASE: Mapping[str, int] = {"small": 20, "standard": 40, "large": 80}
"""Tasks of all nodes together that a tier of 2, 4 or 8 cores is enough for: Octopus' sizing (read 2026-10)."""


def advice(spec: CellSpec) -> tuple[str, ...]:
    """Return what is allowed and unwise, a sentence each."""
    return (*_crowded(spec.spec), *_outworked(spec.spec), *_unread(spec.spec))


def _crowded(body: CellBody) -> Iterator[str]:
    count = body.nodes.count
    if count > ADVISED_NODES:
        yield (
            f"{count} nodes: Octopus advises 2 to 4 and not beyond {ADVISED_NODES}, because every node loads the one "
            "database; larger nodes carry more tasks"
        )


def _outworked(body: CellBody) -> Iterator[str]:
    """A database that is too small for what all nodes do at once; a reef's is shared, and its own business."""
    tier, tasks = body.database.tier, body.octopus.task_cap * sum(role != "ui" for role in body.nodes.roles)
    if body.placement == "dedicated" and tasks > TASKS_OF_DATABASE[tier]:
        larger = next((name for name, most in TASKS_OF_DATABASE.items() if most >= tasks), "")
        remedy = f"database.tier: {larger}" if larger else "lower octopus.taskCap"
        yield (
            f"{tasks} tasks at once on a {tier} database: Octopus' sizing has {TASKS_OF_DATABASE[tier]} for it, and "
            f"the database is where a cell is slow first; {remedy}"
        )


def _unread(body: CellBody) -> Iterator[str]:
    """A certificate that nodes may not read yet, as far as cellctl knows. A gateway's vault is looked at instead."""
    named = body.ingress.certificate or ""
    if body.cloud == "azure" and body.ingress.balancer == "load_balancer" and named.startswith("https://"):
        yield (
            f"nodes start only once whoever has {named.split('/')[2]} lets their identity read the certificate; named "
            "by its resource id (/subscriptions/…/secrets/NAME), cellctl gives them that role"
        )
