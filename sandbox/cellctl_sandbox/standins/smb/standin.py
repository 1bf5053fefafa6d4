"""The gateways' port for SMB: a gateway that is in a domain is found by its name or address, and asks for its users."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

from cellctl.dialer import Route
from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.smb.directory import Directory
from cellctl_sandbox.standins.smb.messages import NO_ACCESS, NO_SHARE
from cellctl_sandbox.standins.smb.ntlm import Exchange
from cellctl_sandbox.standins.smb.server import SmbListener, Tree
from cellctl_sandbox.standins.storage_gateway.gateways import GATEWAY, gateway_behind
from cellctl_sandbox.standins.storage_gateway.shares import SMB, ShareBook, bucket_of

PORT = 445
_IN_DOMAIN = "ActiveDirectory"


class SmbStandin:
    """Serves the SMB shares of every gateway in a domain; `cell` narrows names to one cell, `` for any.

    Guests are not served: their one password of a gateway is not kept.
    """

    def __init__(
        self, view: CloudView, shares: ShareBook, objects: BucketObjects, directory: Directory, *, cell: str = ""
    ) -> None:
        self._view, self._shares, self._objects, self._directory = view, shares, objects, directory
        self._cell = cell
        self._lock = threading.Lock()
        self._listeners: dict[str, SmbListener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to the gateway with this name or address; None if there is none in a domain."""
        gateway = gateway_behind(self._view, name, self._cell) if port == PORT else ""
        domain = self._domain(gateway) if gateway else ""
        if not domain:
            return None
        with self._lock:
            if gateway not in self._listeners:
                exchange = partial(Exchange, domain, self._directory.password)
                self._listeners[gateway] = SmbListener(exchange, partial(self._share, gateway))
            return Route(host="127.0.0.1", port=self._listeners[gateway].port)

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the addresses of gateways that serve SMB."""
        found = [item for item in self._view.objects(GATEWAY) if item.text("domain")]
        return [(item.text("gatewayName"), PORT, "file shares (SMB)") for item in found]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _domain(self, gateway: str) -> str:
        return next((item.text("domain") for item in self._view.objects(GATEWAY) if item.id == gateway), "")

    def _share(self, gateway: str, name: str, user: str) -> Tree | None:
        mine = (share for kind, share in self._shares.all() if kind is SMB and share.text("gatewayArn") == gateway)
        found = next((share for share in mine if share.text("fileShareName").lower() == name.lower()), None)
        return self._tree(found, user) if found else None

    def _tree(self, share: CloudObject, user: str) -> Tree:
        known, listed = self._directory.named(user), share.properties.get("validUserLists")
        valid = [str(one) for one in listed] if isinstance(listed, list) else []
        admitted = share.text("authentication") == _IN_DOMAIN and known is not None and known.among(valid)
        available = self._shares.status(share) == "AVAILABLE"
        bucket = bucket_of(share)
        return Tree(
            refusal=NO_SHARE if not available else 0 if admitted else NO_ACCESS,
            read_only=share.properties.get("readOnly") is True,
            files=partial(self._objects.files, bucket),
            put=partial(self._objects.put, bucket),
        )
