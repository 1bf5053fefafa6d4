"""Keys of others on Azure: a server, a database or an account is made only by who can open the key."""

from __future__ import annotations

import pytest

from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.azure_seals import trouble
from cellctl_sandbox.standins.cloud_view import CloudObject

GROUP = "/subscriptions/s/resourceGroups/rg/providers"
KEY = f"{GROUP}/Microsoft.KeyVault/vaults/kv/keys/cells"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/seal"
ROLE = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6"
URI = "https://kv.vault.azure.net/keys/cells"


def made(kind: str, id: str, **properties: Value) -> CloudObject:
    return CloudObject(type=f"azure-native:{kind}", id=id, properties={**properties}, cell="acme")


def estate(*, scope: str = KEY, key: str = URI) -> Estate:
    return Estate(
        [
            made("keyvault:Vault", KEY.partition("/keys/")[0]),
            made("keyvault:Key", KEY, keyUri=key, keyUriWithVersion=f"{key}/v1"),
            made("managedidentity:UserAssignedIdentity", IDENTITY, principalId="p"),
            made("authorization:RoleAssignment", "role", scope=scope, principalId="p", roleDefinitionId=ROLE),
        ],
        1000.0,
    )


SEALED = {
    "server": made("sql:Server", "server", keyId=f"{URI}/v1", primaryUserAssignedIdentityId=IDENTITY),
    "database": made(
        "sql:Database", "database", encryptionProtector=f"{URI}/v1",
        identity={"type": "UserAssigned", "userAssignedIdentities": [IDENTITY]},
    ),
    "account": made(
        "storage:StorageAccount", "account", encryption={
            "keySource": "Microsoft.Keyvault", "keyVaultProperties": {
                "keyVaultUri": "https://kv.vault.azure.net/", "keyName": "cells",
            }, "encryptionIdentity": {"encryptionUserAssignedIdentity": IDENTITY},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SEALED)
def test_it_is_sealed_by_who_may_use_the_key_and_by_nobody_else(what: str) -> None:
    assert trouble(estate(), SEALED[what]) == ""
    assert trouble(estate(scope=f"{KEY}-other"), SEALED[what]).startswith("AccessDeniedToKeyVault: ")
    assert trouble(estate(key="https://kv.vault.azure.net/keys/else"), SEALED[what]).startswith("KeyNotFound: ")


def test_a_database_opens_its_key_as_itself_and_not_as_its_server() -> None:
    alone = made("sql:Database", "database", encryptionProtector=f"{URI}/v1")
    assert trouble(estate(), alone) == "there is no identity with which the key would be opened"
    assert trouble(estate(), made("sql:Database", "database")) == ""
