"""The key that opens a storage account's shares, as nodes fetch it: asked when it is needed, kept nowhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cellctl.state.values import Value
from cellctl_provider.azure import resource_manager as manager
from cellctl_provider.protocol import ProviderError
from cellctl_provider.smb import Account

if TYPE_CHECKING:
    from cellctl_provider.context import Context

ACCOUNT = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Storage/storageAccounts/(?P<name>[a-z0-9]{3,24})",
    re.IGNORECASE,
)
_PARAMETERS = {"api-version": "2024-01-01"}


def account_of(context: Context, id: str) -> Account:
    """Return the user that an account's first key makes: whoever has it may do everything on its shares.

    Raises:
        ProviderError: Resource Manager refuses or does not answer; the text holds no key.
    """
    match = ACCOUNT.fullmatch(id)
    if match is None:
        raise ProviderError(f"{id} is not the id of a storage account", code="invalid")
    name = match["name"]
    answer = manager.asked(context, "POST", f"{id}/listKeys", _PARAMETERS)
    document = manager.accepted(answer, f"listing the keys of storage account {name}")
    keys = document.get("keys")
    values = [_value(one) for one in keys] if isinstance(keys, list) else []
    if not values or not values[0]:
        raise ProviderError(f"storage account {name} has no key", code="auth")
    # The form that Azure Files wants of a machine in no domain (reference/azure.md 3).
    return Account(username=f"localhost\\{name}", password=values[0])


def _value(key: Value) -> str:
    value = key.get("value") if isinstance(key, dict) else None
    return value if isinstance(value, str) else ""
