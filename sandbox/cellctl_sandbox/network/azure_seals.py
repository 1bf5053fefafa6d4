"""Whether Azure's services can open the key with which they are to seal data: it is there, and they may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cellctl.facts.conditions import at, every
from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.iam.azure import IDENTITY, lacks
from cellctl_sandbox.standins.cloud_view import CloudObject

KEY = "azure-native:keyvault:Key"


def trouble(estate: Estate, item: CloudObject) -> str:
    """Return why a service cannot seal what an object holds, `` if it can, or is told of no key of others."""
    return next(SEALED[item.type](estate, item), "")


def _account(estate: Estate, item: CloudObject) -> Iterator[str]:
    named = item.properties.get("encryption")
    if at(named, "keySource") == "Microsoft.Keyvault":
        uri = f"{at(named, 'keyVaultProperties.keyVaultUri')}keys/{at(named, 'keyVaultProperties.keyName')}"
        yield from _opens(estate, str(at(named, "encryptionIdentity.encryptionUserAssignedIdentity") or ""), uri)


def _server(estate: Estate, item: CloudObject) -> Iterator[str]:
    uri = text(item, "keyId")
    if uri:
        yield from _opens(estate, text(item, "primaryUserAssignedIdentityId"), uri)


def _database(estate: Estate, item: CloudObject) -> Iterator[str]:
    """A database with a key of its own opens it as the one identity that it has, not as its server's."""
    uri = text(item, "encryptionProtector")
    if uri:
        yield from _opens(estate, next(map(str, every(item.properties, "identity.userAssignedIdentities.*")), ""), uri)


def _opens(estate: Estate, identity: str, uri: str) -> Iterator[str]:
    known = (one for one in estate.all(KEY) if uri in (one.text("keyUri"), one.text("keyUriWithVersion")))
    key, who = next(known, None), estate.one(IDENTITY, identity)
    if key is None:
        yield f"KeyNotFound: there is no key {uri}"
    elif who is None:
        yield "there is no identity with which the key would be opened"
    else:
        why = lacks(estate, who.text("principalId"), "wrapKey", key.id)
        yield from [f"AccessDeniedToKeyVault: {why}"] if why else []


SEALED: Mapping[str, Callable[[Estate, CloudObject], Iterator[str]]] = {
    "azure-native:storage:StorageAccount": _account,
    "azure-native:sql:Server": _server,
    "azure-native:sql:Database": _database,
}
"""What is sealed with a key. That a role takes minutes to reach Key Vault is not simulated here."""
