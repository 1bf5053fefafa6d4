"""Provider `cellctl`: dispatches each request to the handler of its resource type."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import Protocol

from cellctl.dialer import Dialer, DirectDialer
from cellctl_provider.context import Context
from cellctl_provider.credentials import CredentialsFactory, FederatedCredentials
from cellctl_provider.handler import ResourceHandler
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Configure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    Invoke,
    Invoked,
    Provider,
    ProviderError,
    Read,
    Update,
    Updated,
)

PACKAGE = "cellctl"
VERSION = "0.1.0"

HANDLERS: Mapping[str, str] = {
    "cellctl:aws:FileGateway": "cellctl_provider.aws.file_gateway:FileGatewayHandler",
    "cellctl:aws:ShareAccess": "cellctl_provider.aws.share_access:ShareAccessHandler",
    "cellctl:files:FolderTree": "cellctl_provider.files.folder_tree:FolderTreeHandler",
    "cellctl:octopus:Administrator": "cellctl_provider.octopus.administrator:AdministratorHandler",
    "cellctl:octopus:MasterKey": "cellctl_provider.octopus.master_key:MasterKeyHandler",
    "cellctl:octopus:Node": "cellctl_provider.octopus.node:NodeHandler",
    "cellctl:octopus:QueueMember": "cellctl_provider.octopus.queue_member:QueueMemberHandler",
    "cellctl:sql:CellDatabase": "cellctl_provider.sql.cell_database:CellDatabaseHandler",
}
"""Where the class of each type is; it is called with the Context. Imported on first use."""

CONFIGURATION = ("awsRole", "awsAccount", "azureTenant", "azureClient", "azureSubscription")


class HandlerClass(Protocol):
    """Makes the handler of one type."""

    def __call__(self, context: Context) -> ResourceHandler:
        """Return a handler that acts with `context`."""


class CellctlProvider:
    """One configured provider `cellctl`; thread-safe after `configure`.

    It waits with the `sleep` that it is given, and for what answers at once.
    """

    holds_baton = True

    def __init__(self, *, dialer: Dialer, sleep: Callable[[float], None], credentials: CredentialsFactory) -> None:
        self._dialer = dialer
        self._sleep = sleep
        self._credentials = credentials
        self._context: Context | None = None
        self._handlers: dict[str, ResourceHandler] = {}
        self._lock = threading.Lock()

    def check_config(self, request: Check) -> Checked:
        """Refuse configuration that does not exist; endpoints are inputs of resources, never configuration."""
        unknown = [key for key in request.news if key not in (*CONFIGURATION, "version")]
        failures = tuple(CheckFailure(property=key, reason="provider cellctl has no such setting") for key in unknown)
        return Checked(inputs=dict(request.news), failures=failures)

    def diff_config(self, request: Diff) -> Diffed:
        """Report changes; acting as somebody else replaces no resource."""
        keys = {*request.old_inputs, *request.news} - {"version"}
        changed = tuple(sorted(key for key in keys if request.old_inputs.get(key) != request.news.get(key)))
        return Diffed(changes="some" if changed else "none", diffs=changed)

    def configure(self, request: Configure) -> None:
        """Take who to act as; nothing is connected yet."""
        self._context = Context(
            dialer=self._dialer, sleep=self._sleep, credentials=self._credentials(request.variables)
        )
        with self._lock:
            self._handlers.clear()  # those that Check and Diff made before act as nobody

    def check(self, request: Check) -> Checked:
        """Validate inputs of a resource."""
        return self._handler(request.type, request.urn).check(request)

    def diff(self, request: Diff) -> Diffed:
        """Compare a resource's state with new inputs."""
        return self._handler(request.type, request.urn).diff(request)

    def create(self, request: Create) -> Created:
        """Create a resource."""
        return self._handler(request.type, request.urn).create(request)

    def read(self, request: Read) -> Found | None:
        """Look a resource up."""
        return self._handler(request.type, request.urn).read(request)

    def update(self, request: Update) -> Updated:
        """Change a resource."""
        return self._handler(request.type, request.urn).update(request)

    def delete(self, request: Delete) -> None:
        """Delete a resource."""
        self._handler(request.type, request.urn).delete(request)

    def invoke(self, request: Invoke) -> Invoked:
        """Refuse: the package has no functions."""
        raise ProviderError(f"provider cellctl has no function {request.token}", code="invalid")

    def cancel(self) -> None:
        """End waits early; a call to a service under way is finished."""
        if self._context is not None:
            self._context.cancel()

    def close(self) -> None:
        """Forget the handlers and close connections."""
        with self._lock:
            self._handlers.clear()
        if self._context is not None:
            self._context.close()

    def _handler(self, type: str, urn: str) -> ResourceHandler:
        token = type or urn.split("::")[2].rpartition("$")[2]
        if token not in HANDLERS:
            raise ProviderError(f"provider cellctl has no resource type {token}", code="invalid")
        with self._lock:
            if token not in self._handlers:
                self._handlers[token] = _handler_class(HANDLERS[token])(self._configured())
            return self._handlers[token]

    def _configured(self) -> Context:
        if self._context is None:
            # Check and Diff may come before Configure where the configuration is not known yet; they connect nowhere.
            return Context(dialer=self._dialer, sleep=self._sleep, credentials=self._credentials({}))
        return self._context


class CellctlProviderFactory:
    """Makes instances of provider `cellctl`; the arguments are for all of them."""

    package = PACKAGE
    version = VERSION

    def __init__(
        self,
        *,
        dialer: Dialer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        credentials: CredentialsFactory = FederatedCredentials,
    ) -> None:
        self._dialer: Dialer = dialer or DirectDialer()
        self._sleep = sleep
        self._credentials = credentials

    def __call__(self) -> Provider:
        """Return a fresh, unconfigured instance."""
        return CellctlProvider(dialer=self._dialer, sleep=self._sleep, credentials=self._credentials)


def _handler_class(target: str) -> HandlerClass:
    found: HandlerClass = resolve_name(target)
    return found
