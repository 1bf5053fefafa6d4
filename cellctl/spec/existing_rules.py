"""Rules of a network that is there already, alike for cells and reefs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.spec.finding import Finding, broken

if TYPE_CHECKING:
    from cellctl.spec.model import ExistingNetwork

_FIELD = "network.existing"
_VIRTUAL_NETWORK = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+", re.IGNORECASE
)
_GROUP = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+", re.IGNORECASE)


def of_existing(there: ExistingNetwork, cloud: str) -> Iterator[Finding]:
    """Yield what is wrong with a network as a file names it; the cloud is `aws` or `azure`."""
    yield from _named(there, cloud)
    yield from _of_azure(there) if cloud == "azure" else _of_aws(there)


def subnets_of(there: ExistingNetwork) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the fields that name subnets, each with what it names."""
    yield "subnets", there.subnets
    yield "balancerSubnets", there.balancer_subnets
    yield "databaseSubnets", there.database_subnets
    yield "gatewaySubnets", there.gateway_subnets


def _named(there: ExistingNetwork, cloud: str) -> Iterator[Finding]:
    for field, named in subnets_of(there):
        if len(set(named)) != len(named):
            yield broken("names a subnet twice", f"{_FIELD}.{field}")
        if len(named) == 1 and cloud == "aws" and field != "gatewaySubnets":
            yield broken("needs subnets in two zones", f"{_FIELD}.{field}")
        if len(named) > 1 and cloud == "azure":
            yield broken("names several subnets; on Azure one spans all zones", f"{_FIELD}.{field}", "cloud")


def _of_aws(there: ExistingNetwork) -> Iterator[Finding]:
    if there.private_zones is not None:
        yield broken("is for Azure; on AWS a cell has its endpoints", f"{_FIELD}.privateZones", "cloud")
    if there.gateway_subnets:
        yield broken("is for Azure", f"{_FIELD}.gatewaySubnets", "cloud", hint="remove it")


def _of_azure(there: ExistingNetwork) -> Iterator[Finding]:
    if there.gateway_endpoint is not None:
        yield broken("is for AWS", f"{_FIELD}.gatewayEndpoint", "cloud", hint="remove it")
    if not _VIRTUAL_NETWORK.fullmatch(there.id):
        hint = "`az network vnet list --query [].id`"
        yield broken("must be the id of a virtual network", f"{_FIELD}.id", "cloud", hint=hint)
    for field, named in subnets_of(there):
        foreign = [one for one in named if one.lower().rpartition("/subnets/")[0] != there.id.lower()]
        if foreign:
            yield broken(
                f"{foreign[0]} is no subnet of {there.id}",
                f"{_FIELD}.{field}",
                f"{_FIELD}.id",
                hint=f"{there.id}/subnets/NAME",
            )
    if there.private_zones is not None and not _GROUP.fullmatch(there.private_zones):
        hint = "`az group list --query [].id`"
        yield broken("must be the id of a resource group", f"{_FIELD}.privateZones", "cloud", hint=hint)
