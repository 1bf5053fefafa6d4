"""What handlers of provider `cellctl` act with: a dialer, a way to wait, credentials, secret stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from cellctl.dialer import Dialer
from cellctl_provider.credentials import Credentials
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl_provider.aws.clients import AwsClients
    from cellctl_provider.secrets import SecretStores


class Context:
    """Shared by all handlers of one configured provider; thread-safe.

    `sleep` waits between polls: `time.sleep` in production, simulated time in the sandbox.
    """

    def __init__(self, *, dialer: Dialer, sleep: Callable[[float], None], credentials: Credentials) -> None:
        self.dialer = dialer
        self.credentials = credentials
        self._sleep = sleep
        self._cancelled = threading.Event()

    @cached_property
    def aws(self) -> AwsClients:
        """Typed boto3 clients, made on first use."""
        from cellctl_provider.aws.clients import AwsClients

        return AwsClients(self.credentials, self.dialer)

    @cached_property
    def secrets(self) -> SecretStores:
        """Secrets Manager and Key Vault behind one look-up by reference."""
        from cellctl_provider.secrets import SecretStores

        return SecretStores(self)

    def cancel(self) -> None:
        """End waits: the next `sleep` raises."""
        self._cancelled.set()

    def close(self) -> None:
        """Close pooled connections."""
        if "aws" in self.__dict__:
            self.aws.close()

    def sleep(self, seconds: float) -> None:
        """Wait between two polls.

        Raises:
            ProviderError: The operation was cancelled (code `cancelled`); what was begun is found by the next run.
        """
        if not self._cancelled.is_set():
            self._sleep(seconds)
        if self._cancelled.is_set():
            raise ProviderError("stopped on request while waiting; run it again to continue", code="cancelled")
