"""Resource SKUs of Azure Compute: in which zones a subscription can have machines of a size."""

from __future__ import annotations

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value

SKUS, SKUS_VERSION = "providers/Microsoft.Compute/skus", "2021-07-01"


def in_region(region: str) -> str:
    """Return the filter that asks for the SKUs of one region."""
    return f"location eq '{region}'"


def zones(sku: Value) -> tuple[str, ...]:
    """Return the zones in which a subscription can have machines of a size."""
    closed = {
        str(zone)
        for one in every(sku, "restrictions")
        if at(one, "type") == "Zone"
        for zone in every(one, "restrictionInfo.zones")
    }
    if any(at(one, "type") == "Location" for one in every(sku, "restrictions")):
        return ()
    offered = {str(zone) for one in every(sku, "locationInfo") for zone in every(one, "zones")}
    return tuple(sorted(offered - closed))
