"""What `cellctl.verify` reads of a cloud: secrets at the moment of use, through the provider's stores, and policies."""

from __future__ import annotations

import time

from cellctl.dialer import Dialer
from cellctl.errors import EngineError
from cellctl_provider.context import Context
from cellctl_provider.credentials import Credentials
from cellctl_provider.hosts.supplied import supplied
from cellctl_provider.octopus.licence import node_limit
from cellctl_provider.protocol import ProviderError

_DATABASE_AUDIENCE = "https://database.windows.net/"


class ProviderSecrets:
    """Satisfies `cellctl.verify.SecretReader` and `cellctl.engine.ports.LicenceReader`."""

    def __init__(self, *, dialer: Dialer, credentials: Credentials) -> None:
        self._context = Context(dialer=dialer, sleep=time.sleep, credentials=credentials)

    def read(self, reference: str) -> str:
        """Return the value of a secret.

        Raises:
            EngineError: There is no value (code `secret_missing`), or it cannot be read (`secret_unreadable`).
        """
        try:
            return self._context.secrets.read(reference)
        except ProviderError as error:
            code = "secret_missing" if error.code == "not_found" else "secret_unreadable"
            raise EngineError(error.message, code=code) from error

    def write(self, reference: str, value: str) -> None:
        """Make `value` the current one of a secret that exists.

        Raises:
            EngineError: It cannot be written (code `secret_unwritable`).
        """
        try:
            self._context.secrets.replace(reference, value)
        except ProviderError as error:
            raise EngineError(error.message, code="secret_unwritable") from error

    def licensed_nodes(self, reference: str) -> int:
        """Return how many nodes the licence in a secret allows; raises what `read` does.

        What the program around cellctl has for the reference comes first.
        """
        try:
            value = supplied(reference)
        except ProviderError as error:
            raise EngineError(error.message, code="secret_unreadable") from error
        return node_limit(value or self.read(reference))

    def database_token(self, identity: str) -> str:
        """Return a token with which a managed identity, or cellctl itself (``), signs in to Azure SQL.

        Raises:
            EngineError: It cannot be had from here (code `secret_unreadable`).
        """
        try:
            credentials = self._context.credentials
            if not identity:
                return credentials.azure_token(_DATABASE_AUDIENCE)
            return credentials.azure_token_of(identity, _DATABASE_AUDIENCE)
        except ProviderError as error:
            raise EngineError(error.message, code="secret_unreadable") from error

    def bucket_policy(self, bucket: str, region: str) -> str:
        """Return a bucket's policy as JSON, `` if it has none.

        Raises:
            EngineError: It cannot be read (code `policy_unreadable`).
        """
        from cellctl_provider.aws import s3

        try:
            return s3.policy(self._context, region, bucket)
        except ProviderError as error:
            raise EngineError(error.message, code="policy_unreadable") from error

    def close(self) -> None:
        """Close pooled connections."""
        self._context.close()
