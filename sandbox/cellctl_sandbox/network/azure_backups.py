"""Whether Azure Backup can take snapshots of a share: it finds it in the registered account, and is let in."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at
from cellctl_sandbox.estate import Estate, text, value
from cellctl_sandbox.network.azure_nodes import SHARE
from cellctl_sandbox.standins.cloud_view import CloudObject

ITEM = "azure-native:recoveryservices:ProtectedItem"
CONTAINER = "azure-native:recoveryservices:ProtectionContainer"
POLICY = "azure-native:recoveryservices:ProtectionPolicy"
_PASSES = "AzureServices"
"""Lets Azure Backup in among others. Source: Microsoft Learn, Back up Azure Files, prerequisites, 2024-06."""


def trouble(estate: Estate, item: CloudObject) -> str:
    """Return why no snapshot of a share would ever be taken, `` if they would be."""
    return next(_troubles(estate, item), "")


def _troubles(estate: Estate, item: CloudObject) -> Iterator[str]:
    named, share = str(value(item, "properties.sourceResourceId")), text(item, "protectedItemName")
    container = estate.one(CONTAINER, item.id.partition("/protectedItems/")[0])
    if container is None or str(value(container, "properties.sourceResourceId")).lower() != named.lower():
        yield f"BMSUserErrorContainerNotRegistered: {named.rpartition('/')[2]} is not registered with the vault"
    policy = estate.one(POLICY, str(value(item, "properties.policyId")))
    if policy is None or value(policy, "properties.workLoadType") != "AzureFileShare":
        yield "BMSUserErrorPolicyNotForWorkload: the policy is not one for file shares"
    account, there = estate.find(named), estate.one(SHARE, f"{named}/fileServices/default/shares/{share}")
    found = there is not None and (container is None or there.born_s <= container.born_s)
    if account is None or not found:
        where = named.rpartition("/")[2]
        yield f"BMSUserErrorDataSourceObjectNotFound: {where} had no share {share} when it was registered"
    elif at(account.properties.get("networkRuleSet"), "bypass") != _PASSES:
        yield f"UserErrorStorageAccountNetworkRestricted: {named.rpartition('/')[2]} lets no service of Azure in"
