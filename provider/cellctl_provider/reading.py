"""Secrets for `cellctl.verify`: read at the moment of use, through the same stores as the provider's."""

from __future__ import annotations

import time

from cellctl.dialer import Dialer
from cellctl.errors import EngineError
from cellctl_provider.context import Context
from cellctl_provider.credentials import Credentials
from cellctl_provider.protocol import ProviderError

_DATABASE_AUDIENCE = "https://database.windows.net/"


class ProviderSecrets:
    """Satisfies `cellctl.verify.SecretReader`."""

    def __init__(self, *, dialer: Dialer, credentials: Credentials) -> None:
        self._context = Context(dialer=dialer, sleep=time.sleep, credentials=credentials)

    def read(self, reference: str) -> str:
        """Return the value of a secret.

        Raises:
            EngineError: It cannot be read (code `secret_unreadable`).
        """
        try:
            return self._context.secrets.read(reference)
        except ProviderError as error:
            raise EngineError(error.message, code="secret_unreadable") from error

    def database_token(self, identity: str) -> str:
        """Return a token with which a managed identity signs in to Azure SQL.

        Raises:
            EngineError: It cannot be had from here (code `secret_unreadable`).
        """
        try:
            return self._context.credentials.azure_token_of(identity, _DATABASE_AUDIENCE)
        except ProviderError as error:
            raise EngineError(error.message, code="secret_unreadable") from error

    def close(self) -> None:
        """Close pooled connections."""
        self._context.close()
