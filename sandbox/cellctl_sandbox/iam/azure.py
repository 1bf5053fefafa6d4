"""Azure role assignments: who may act on a resource's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cellctl.facts.conditions import every
from cellctl_sandbox.estate import Estate, text, value
from cellctl_sandbox.standins.cloud_view import CloudObject

ASSIGNMENT = "azure-native:authorization:RoleAssignment"
DEFINITION = "azure-native:authorization:RoleDefinition"
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
VAULT = "azure-native:keyvault:Vault"

ROLES: Mapping[str, tuple[str, ...]] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": ("listKeys", "listQueueKeys"),  # Owner
    "b24988ac-6180-42a0-ab88-20f7382dd24c": ("listKeys", "listQueueKeys"),  # Contributor
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": ("readSecret", "writeSecret"),  # Key Vault Administrator
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": ("readSecret", "writeSecret"),  # Key Vault Secrets Officer
    "4633458b-17de-408a-b874-0445c86b69e6": ("readSecret",),  # Key Vault Secrets User
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": ("wrapKey",),  # Key Vault Crypto Service Encryption User
    "81a9662b-bebf-436f-a333-f67b29880f12": ("listKeys",),  # Storage Account Key Operator Service Role
}
"""Built-in role -> what it allows of what happens here. Source: Microsoft Learn, Azure built-in roles, 2026-11."""


CUSTOM: Mapping[str, str] = {"microsoft.cache/redisenterprise/databases/listkeys/action": "listQueueKeys"}
"""Action of a role that somebody defined -> what it allows here."""


def _allowed(estate: Estate, role: str) -> tuple[str, ...]:
    """Return what a role allows of what happens here, built in or defined by somebody."""
    defined = next((one for one in estate.all(DEFINITION) if one.id.rpartition("/")[2].lower() == role), None)
    actions = every(defined.properties, "permissions.*.actions.*") if defined else ()
    return (*ROLES.get(role, ()), *(CUSTOM[key] for key in (str(one).lower() for one in actions) if key in CUSTOM))


def keys_of_queue(estate: Estate, client: str, queue: CloudObject) -> str:
    """Return why the identity with a client id may not fetch a queue's keys, `` if it may."""
    identity = next((item for item in estate.all(IDENTITY) if item.text("clientId") == client), None)
    if identity is None:
        return f"there is no managed identity with client id {client}"
    return lacks(estate.seen_by("service:redis"), identity.text("principalId"), "listQueueKeys", queue.id)


def lacks(estate: Estate, principal: str, action: str, scope: str) -> str:
    """Return why a principal may not act on a resource, `` if a role on it or above it allows that."""
    for item in estate.all(ASSIGNMENT):
        granted = item.text("principalId") == principal
        if granted and _covers(item.text("scope"), scope) and action in _allowed(estate, _role(item)):
            return ""
    return f"no role assignment on {scope.rpartition('/')[2]} lets {principal} {_SAID[action]}"


def on_secret(estate: Estate, principal: str, uri: str) -> str:
    """Return why a principal may not read a secret of a vault that need not be the cell's, `` if it may.

    `uri` is the secret's; its vault is known by its name, which is global.
    """
    host, _, name = uri.removeprefix("https://").partition("/secrets/")
    part = f"/vaults/{host.partition('.')[0]}".lower()
    for item in estate.all(ASSIGNMENT):
        scope = item.text("scope").lower()
        vault, found, _ = scope.partition(part)
        whole = f"{vault}{part}/secrets/{name}".lower()
        granted = item.text("principalId") == principal and "readSecret" in _allowed(estate, _role(item))
        if found and granted and _covers(scope, whole):
            return ""
    return f"no role assignment on secret {name} of {host} lets {principal} read it"


_SAID = {
    "listKeys": "fetch its keys",
    "listQueueKeys": "fetch its keys",
    "wrapKey": "use it",
    "readSecret": "read secrets",
    "writeSecret": "write secrets",
}


def boots(estate: Estate, machine: CloudObject, client: str, vault: str, accounts: Sequence[str]) -> Iterator[str]:
    """Yield what a machine's identity may not do that its boot script does."""
    identity = next((item for item in estate.all(IDENTITY) if item.text("clientId") == client), None)
    if identity is None:
        yield f"there is no managed identity with client id {client}"
        return
    held = value(machine, "identity.userAssignedIdentities")
    names = {str(one).lower() for one in (held if isinstance(held, list | dict) else ())}
    if identity.id.lower() not in names:
        yield f"the machine does not have identity {identity.id.rpartition('/')[2]}"
    principal = identity.text("principalId")
    host = vault.partition(".")[0]
    item = next((one for one in estate.all(VAULT) if one.id.rpartition("/")[2] == host), None)
    yield from vault_lacks(estate.seen_by("service:keyvault"), principal, "readSecret", item)
    seen = estate.seen_by("service:files")
    yield from filter(None, (lacks(seen, principal, "listKeys", account) for account in accounts))


def vault_lacks(estate: Estate, principal: str, action: str, vault: CloudObject | None) -> Iterator[str]:
    """Yield why a principal may not act on a vault's secrets."""
    if vault is None:
        yield "there is no such vault"
        return
    if value(vault, "properties.enableRbacAuthorization") is not True:
        yield f"vault {vault.id.rpartition('/')[2]} does not look at role assignments, and has no access policies"
        return
    why = lacks(estate, principal, action, vault.id)
    if why:
        yield why


def _covers(scope: str, resource: str) -> bool:
    inside = resource.lower() == scope.lower() or resource.lower().startswith(scope.lower().rstrip("/") + "/")
    return bool(scope) and inside


def _role(item: CloudObject) -> str:
    return text(item, "roleDefinitionId").rpartition("/")[2].lower()
