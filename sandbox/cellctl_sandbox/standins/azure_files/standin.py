"""The port of Azure Files: an account is found by its name, and whoever has one of its keys may do everything."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

from cellctl.dialer import Route
from cellctl_sandbox.standins.azure_files.accounts import Accounts
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.smb.ntlm import Exchange
from cellctl_sandbox.standins.smb.server import SmbListener, Tree

PORT = 445
SUFFIX = ".file.core.windows.net"
_DOMAIN = "azure.files"


class AzureFilesStandin:
    """Serves the shares of every storage account, by SMB 3.1.1 only; reference/azure.md 3: NTLMv2 with a key."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._lock = threading.Lock()
        self._listeners: dict[str, SmbListener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to an account; None if there is none of this name."""
        if port != PORT or not name.lower().endswith(SUFFIX):
            return None
        account = self._accounts.by_name(name.lower().removesuffix(SUFFIX))
        if account is None:
            return None
        with self._lock:
            if account.id not in self._listeners:
                exchange = partial(Exchange, _DOMAIN, partial(self._password, account))
                self._listeners[account.id] = SmbListener(exchange, partial(self._tree, account), newest=True)
            return Route(host="127.0.0.1", port=self._listeners[account.id].port)

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the accounts that serve files."""
        hosts = [one.id.rpartition("/")[2] + SUFFIX for one in self._accounts.all()]
        return [(host, PORT, "file shares (SMB)") for host in hosts]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _password(self, account: CloudObject, user: str) -> str | None:
        """Return the first key: of an account that takes keys, for its own name."""
        if account.properties.get("allowSharedKeyAccess") is False or user != account.id.rpartition("/")[2]:
            return None
        return self._accounts.keys(account)[0]

    def _tree(self, account: CloudObject, name: str, user: str) -> Tree | None:
        del user
        share = self._accounts.share(account, name)
        if share is None:
            return None
        put = partial(self._accounts.put, share)
        return Tree(refusal=0, read_only=False, files=partial(self._accounts.files, share), put=put, flat=False)
