"""What Azure Backup needs to take snapshots of a share: its account registered and open to it, a policy, the share."""

from __future__ import annotations

import pytest

from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network import azure_backups
from cellctl_sandbox.standins.cloud_view import CloudObject

GROUP = "/subscriptions/s/resourceGroups/rg/providers"
ACCOUNT = f"{GROUP}/Microsoft.Storage/storageAccounts/stacme"
VAULT = f"{GROUP}/Microsoft.RecoveryServices/vaults/rsv"
CONTAINER = f"{VAULT}/backupFabrics/Azure/protectionContainers/StorageContainer;storage;rg;stacme"
POLICY = f"{VAULT}/backupPolicies/daily"


SHARE = f"{ACCOUNT}/fileServices/default/shares/packages"


def made(kind: str, id: str, born: float = 0.0, **properties: Value) -> CloudObject:
    return CloudObject(type=f"azure-native:{kind}", id=id, properties=properties, cell="acme", born_s=born)


OTHER = made("recoveryservices:ProtectionContainer", CONTAINER, properties={"sourceResourceId": "x"})


def told(**changed: CloudObject | None) -> str:
    parts: dict[str, CloudObject | None] = {
        "account": made("storage:StorageAccount", ACCOUNT, networkRuleSet={"bypass": "AzureServices"}),
        "share": made("storage:FileShare", SHARE),
        "policy": made(
            "recoveryservices:ProtectionPolicy", POLICY, properties={"workLoadType": "AzureFileShare"}
        ),
        "container": made(
            "recoveryservices:ProtectionContainer", CONTAINER, properties={"sourceResourceId": ACCOUNT}
        ),
        "item": made(
            "recoveryservices:ProtectedItem", f"{CONTAINER}/protectedItems/AzureFileShare;a",
            protectedItemName="packages", properties={"sourceResourceId": ACCOUNT, "policyId": POLICY},
        ),
        **changed,
    }  # fmt: skip
    there = [one for one in parts.values() if one is not None]
    item = parts["item"]
    assert item is not None
    return azure_backups.trouble(Estate(there, 0.0), item)


def test_a_share_of_a_registered_account_is_protected() -> None:
    assert told() == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"account": made("storage:StorageAccount", ACCOUNT)}, "lets no service of Azure in"),
        (
            {"account": made("storage:StorageAccount", ACCOUNT, networkRuleSet={"bypass": "None"})},
            "lets no service of Azure in",
        ),
        ({"share": None}, "stacme had no share packages"),
        ({"share": made("storage:FileShare", SHARE, born=9.0)}, "stacme had no share packages"),
        ({"account": None}, "stacme had no share packages"),
        ({"container": None}, "stacme is not registered"),
        ({"container": OTHER}, "stacme is not registered"),
        ({"policy": None}, "not one for file shares"),
        (
            {"policy": made("recoveryservices:ProtectionPolicy", POLICY, properties={"workLoadType": "VM"})},
            "not one for file shares",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_told(changed: dict[str, CloudObject | None], said: str) -> None:
    assert said in told(**changed)
