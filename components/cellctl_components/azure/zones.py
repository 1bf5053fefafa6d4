"""The private zones of Azure's services, by the group of their private endpoints. Values only; no Pulumi."""

from __future__ import annotations

SERVICE_ZONES = {
    "sqlServer": "privatelink.database.windows.net",
    "file": "privatelink.file.core.windows.net",
    "vault": "privatelink.vaultcore.azure.net",
}
"""Zone of each private endpoint group (learn.microsoft.com, Azure Private Endpoint private DNS zone values)."""
