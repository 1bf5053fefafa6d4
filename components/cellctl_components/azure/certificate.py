"""The certificate of a cell's web in a vault of others, as a cell file names it. Pure."""

from __future__ import annotations


def address_of(reference: str) -> str:
    """Return the address of a secret that a cell file names by its address or by its resource id.

    >>> address_of("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-web/secrets/acme")
    'https://kv-web.vault.azure.net/secrets/acme'
    >>> address_of("https://kv-web.vault.azure.net/secrets/acme")
    'https://kv-web.vault.azure.net/secrets/acme'
    """
    if not reference.startswith("/"):
        return reference
    vault, _, name = reference.rpartition("/vaults/")[2].split("/")
    return f"https://{vault}.vault.azure.net/secrets/{name}"


def secret_of(reference: str) -> str:
    """Return the resource id of the secret, `` where the cell file says its address alone."""
    return reference if reference.startswith("/") else ""
