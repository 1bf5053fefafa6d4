"""The private zones of Azure's services, by the group of their private endpoints. Values only; no Pulumi."""

from __future__ import annotations

from collections.abc import Mapping

SERVICE_ZONES = {
    "sqlServer": "privatelink.database.windows.net",
    "file": "privatelink.file.core.windows.net",
    "vault": "privatelink.vaultcore.azure.net",
}
"""Zone of each private endpoint group (learn.microsoft.com, Azure Private Endpoint private DNS zone values)."""

QUEUE_GROUP = "redisEnterprise"
"""Private endpoint group of a queue."""

QUEUE_ZONES = {QUEUE_GROUP: "privatelink.redis.azure.net"}
"""The same for the queue of polling Tentacles, where a cell has one."""


def service_zones(*, queued: bool) -> Mapping[str, str]:
    """Return the zones that a cell needs."""
    return {**SERVICE_ZONES, **QUEUE_ZONES} if queued else SERVICE_ZONES
