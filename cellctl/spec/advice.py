"""What a cell file may say and had better not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl.spec.model import CellBody, CellSpec

ADVISED_NODES = 6  # Octopus documentation on node planning (read 2026-10): tested up to 8, 2 to 4 are best


def advice(spec: CellSpec) -> tuple[str, ...]:
    """Return what is allowed and unwise, a sentence each."""
    return (*_crowded(spec.spec), *_unread(spec.spec))


def _crowded(body: CellBody) -> Iterator[str]:
    count = body.nodes.count
    if count > ADVISED_NODES:
        yield (
            f"{count} nodes: Octopus advises 2 to 4 and not beyond {ADVISED_NODES}, because every node loads the one "
            "database; larger nodes carry more tasks"
        )


def _unread(body: CellBody) -> Iterator[str]:
    """A certificate that nodes may not read yet, as far as cellctl knows. A gateway's vault is looked at instead."""
    named = body.ingress.certificate or ""
    if body.cloud == "azure" and body.ingress.balancer == "load_balancer" and named.startswith("https://"):
        yield (
            f"nodes start only once whoever has {named.split('/')[2]} lets their identity read the certificate; named "
            "by its resource id (/subscriptions/…/secrets/NAME), cellctl gives them that role"
        )
