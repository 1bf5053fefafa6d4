"""Secret values by reference: an ARN of AWS Secrets Manager, or the URI of an Azure Key Vault secret.

A value is fetched at the moment of use and goes nowhere else: not into outputs, states, logs or exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl_provider.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSecret:
    """A secret's current value. `reference` is its ARN or its URI without version; `made` tells that it is new."""

    reference: str
    version: str
    value: str = field(repr=False)
    made: bool = False


class SecretStores:
    """Both stores behind one look-up."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self, reference: str) -> StoredSecret | None:
        """Return the current value; None if the secret is there and was never given a value.

        Raises:
            ProviderError: The secret does not exist (`not_found`) or cannot be reached.
        """
        if reference.startswith("arn:"):
            from cellctl_provider.aws import secrets_manager

            return secrets_manager.get(self._context, reference)
        from cellctl_provider.azure import key_vault

        return key_vault.get(self._context, reference)

    def read(self, reference: str) -> str:
        """Return the current value; of JSON with a `password`, as RDS keeps it, that password."""
        stored = self.get(reference)
        if stored is None:
            raise ProviderError(f"the secret {reference} has no value", code="not_found")
        return _password(stored.value)

    def ensure(self, reference: str, make: Callable[[], str]) -> StoredSecret:
        """Return the current value, which is `make()` if there was none; a value that is there is never replaced."""
        if reference.startswith("arn:"):
            from cellctl_provider.aws import secrets_manager

            return secrets_manager.ensure(self._context, reference, make)
        from cellctl_provider.azure import key_vault

        return key_vault.ensure(self._context, reference, make)

    def replace(self, reference: str, value: str) -> StoredSecret:
        """Make `value` the current one, whatever was there."""
        if reference.startswith("arn:"):
            from cellctl_provider.aws import secrets_manager

            return secrets_manager.replace(self._context, reference, value)
        from cellctl_provider.azure import key_vault

        return key_vault.replace(self._context, reference, value)


def _password(value: str) -> str:
    if not value.startswith("{"):
        return value
    try:
        document = json.loads(value)
    except ValueError:
        return value
    password = document.get("password")
    return password if isinstance(password, str) else value
