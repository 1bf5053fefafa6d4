"""The gateways' ports for NFS: a gateway is found by its name or address, and tells its clients by their address."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

from cellctl.dialer import Route
from cellctl_sandbox.network.addresses import within
from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.nfs.disturbed import Disturb, disturbed, undisturbed
from cellctl_sandbox.standins.nfs.files import DENIED, NO_ENTRY, Export, ShareFiles
from cellctl_sandbox.standins.nfs.rpc import RpcListener
from cellctl_sandbox.standins.storage_gateway.gateways import RECORD, gateway_behind
from cellctl_sandbox.standins.storage_gateway.shares import NFS, ShareBook, bucket_of

PORTS = (2049, 20048)


class NfsStandin:
    """Serves the NFS shares of every activated gateway. `client` is the address that all dials come from.

    `cell` narrows names and addresses to one cell, `` for any. `disturb` answers in its stead.
    """

    def __init__(
        self,
        view: CloudView,
        shares: ShareBook,
        objects: BucketObjects,
        *,
        client: str,
        cell: str = "",
        disturb: Disturb = undisturbed,
    ) -> None:
        self._view, self._shares, self._objects = view, shares, objects
        self._client, self._cell, self._disturb = client, cell, disturb
        self._lock = threading.Lock()
        self._listeners: dict[str, RpcListener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to the gateway with this name or address; None if there is none."""
        gateway = self._gateway(name) if port in PORTS else ""
        if not gateway:
            return None
        with self._lock:
            if gateway not in self._listeners:
                files = ShareFiles(partial(self._exports, gateway), self._objects)
                self._listeners[gateway] = RpcListener(disturbed(files.programs(), self._disturb))
            return Route(host="127.0.0.1", port=self._listeners[gateway].port)

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the names of gateways that serve NFS."""
        hosts = {share.text("gatewayArn") for kind, share in self._shares.all() if kind is NFS}
        records = [item.text("name") for item in self._view.objects(RECORD) if self._mine(item)]
        return [(name, 2049, "file shares (NFS)") for name in records if self._gateway(name) in hosts]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _mine(self, item: CloudObject) -> bool:
        return self._cell in ("", item.cell)

    def _gateway(self, name: str) -> str:
        return gateway_behind(self._view, name, self._cell)

    def _exports(self, gateway: str) -> list[Export]:
        shares = (share for kind, share in self._shares.all() if kind is NFS)
        return [self._export(share) for share in shares if share.text("gatewayArn") == gateway]

    def _export(self, share: CloudObject) -> Export:
        clients = share.properties.get("clientLists")
        listed = [str(one) for one in clients] if isinstance(clients, list) else []
        admitted = not listed or any(within(self._client, one) for one in listed)
        available = self._shares.status(share) == "AVAILABLE"
        defaults = share.properties.get("nfsFileShareDefaults")
        given = {key: str(value) for key, value in defaults.items()} if isinstance(defaults, dict) else {}
        return Export(
            id=share.text("arn").rpartition("/")[2],
            name=share.text("fileShareName"),
            bucket=bucket_of(share),
            owner=int(given.get("ownerId", "65534")),
            group=int(given.get("groupId", "65534")),
            folder_mode=int(given.get("directoryMode", "0777"), 8),
            file_mode=int(given.get("fileMode", "0666"), 8),
            read_only=share.properties.get("readOnly") is True,
            refusal=NO_ENTRY if not available else 0 if admitted else DENIED,
        )
