"""Operations on file shares: create by client token, describe, list, update, refresh, delete."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import uuid

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.aws_json import Call, Operation
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.storage_gateway.gateway_operations import invalid, paged, tag_map
from cellctl_sandbox.standins.storage_gateway.gateways import GatewayRecord, Gateways, refused
from cellctl_sandbox.standins.storage_gateway.shares import NFS, SMB, ShareBook, ShareKind

# AWS Storage Gateway quotas, file shares per gateway (read 2026-10).
_SHARES_PER_GATEWAY = 50
_UNCHANGEABLE = ("ClientToken", "GatewayARN", "Role", "LocationARN", "Tags", "FileShareARN")


class ShareOperations:
    """What the API does with file shares."""

    def __init__(self, gateways: Gateways, shares: ShareBook, view: CloudView) -> None:
        self._gateways = gateways
        self._shares = shares
        self._view = view

    def operations(self) -> dict[str, Operation]:
        """Return the operations by their API names."""
        return {
            "CreateNFSFileShare": lambda call: self.create(NFS, call),
            "CreateSMBFileShare": lambda call: self.create(SMB, call),
            "DescribeNFSFileShares": lambda call: self.describe(NFS, call),
            "DescribeSMBFileShares": lambda call: self.describe(SMB, call),
            "UpdateNFSFileShare": lambda call: self.update(NFS, call),
            "UpdateSMBFileShare": lambda call: self.update(SMB, call),
            "ListFileShares": self.list_shares,
            "DeleteFileShare": self.delete,
            "RefreshCache": self.notified,
            "NotifyWhenUploaded": self.notified,
        }

    def create(self, kind: ShareKind, call: Call) -> Struct:
        """Create a share; the same client token with the same request gives the same share."""
        gateway = self._gateways.connected(call.text("GatewayARN"))
        digest = hashlib.sha256(json.dumps(call.parameters, sort_keys=True).encode()).hexdigest()
        share = self._new_share(kind, call, gateway)
        if self._shares.exists(share.text("arn")):
            if not self._shares.claim(call.region, call.text("ClientToken"), digest):
                raise invalid("The client token was used with other parameters.")
            return {"FileShareARN": share.text("arn")}
        self._check(kind, call, gateway)
        self._shares.claim(call.region, call.text("ClientToken"), digest)
        self._shares.add(share)
        return {"FileShareARN": share.text("arn")}

    def _check(self, kind: ShareKind, call: Call, gateway: GatewayRecord) -> None:
        if not gateway.cache:
            raise refused("NoDisksAvailable", "The gateway has no cache: add one before its first file share.")
        if call.parameters.get("KMSKey") and not call.parameters.get("KMSEncrypted"):
            raise invalid("KMSKey is given and KMSEncrypted is not true.")
        _check_clients(call)
        on_gateway = [share for _, share in self._shares.all() if share.text("gatewayArn") == gateway.arn]
        if len(on_gateway) >= _SHARES_PER_GATEWAY:
            raise invalid(f"A gateway has at most {_SHARES_PER_GATEWAY} file shares.")
        name = _share_name(call)
        if name in (share.text("fileShareName") for share in on_gateway):
            raise invalid(f"The gateway has a file share named {name} already.")
        if kind is SMB and call.text("Authentication") == "GuestAccess" and not gateway.guest_password_set:
            raise invalid("The gateway has no SMB guest password: set one before a share with guest access.")

    def _new_share(self, kind: ShareKind, call: Call, gateway: GatewayRecord) -> CloudObject:
        # Of the token, so that a request that comes again finds the share of the first one.
        token = f"{call.region}/{call.text('ClientToken')}".encode()
        share_id = f"share-{hashlib.sha256(token).hexdigest()[:8].upper()}"
        arn = gateway.arn.replace(f":gateway/{gateway.gateway_id}", f":share/{share_id}")
        name = _share_name(call)
        properties: Struct = kind.defaults | kind.from_api(call.parameters)
        properties |= {
            "arn": arn,
            "fileshareId": share_id,
            "fileShareName": name,
            "path": f"/{name}",
            "tags": dict(tag_map(call.parameters.get("Tags"))),
        }
        return CloudObject(
            type=kind.type,
            id=arn,
            properties=properties,
            cell=gateway.cell,
            region=gateway.region,
            born_s=float(self._view.now()),
        )

    def describe(self, kind: ShareKind, call: Call) -> Struct:
        """Describe shares of one kind; one that is not of it is refused."""
        arns = call.parameters["FileShareARNList"]
        listed: list[Value] = []
        for arn in arns if isinstance(arns, list) else []:
            found, share = self._shares.get(str(arn))
            if found is not kind:
                raise invalid(f"The specified file share is not of type {kind.name}.")
            listed.append(kind.to_api(share) | {"FileShareStatus": self._shares.status(share)})
        return {f"{kind.name}FileShareInfoList": listed}

    def list_shares(self, call: Call) -> Struct:
        """List the shares of a gateway or of the region."""
        gateway = call.text("GatewayARN")
        listed: list[Struct] = [
            {
                "FileShareType": kind.name,
                "FileShareARN": share.text("arn"),
                "FileShareId": share.text("arn").rpartition("/")[2],
                "FileShareStatus": self._shares.status(share),
                "GatewayARN": share.text("gatewayArn"),
            }
            for kind, share in self._shares.all()
            if gateway in ("", share.text("gatewayArn")) and f":{call.region}:" in share.text("arn")
        ]
        answer = paged(call, "FileShareInfoList", listed, "NextMarker")
        return answer | {"Marker": call.text("Marker")} if call.text("Marker") else answer

    def update(self, kind: ShareKind, call: Call) -> Struct:
        """Change what the request names; gateway, bucket and role cannot be changed."""
        found, share = self._shares.get(call.text("FileShareARN"))
        if found is not kind:
            raise invalid(f"The specified file share is not of type {kind.name}.")
        self._gateways.connected(share.text("gatewayArn"))
        _check_clients(call)
        given = {name: value for name, value in call.parameters.items() if name not in _UNCHANGEABLE}
        self._shares.change(share, kind.from_api(given))
        return {"FileShareARN": share.text("arn")}

    def delete(self, call: Call) -> Struct:
        """Delete a share. Without force, data that is not in S3 yet is uploaded first; the bucket stays."""
        _, share = self._shares.get(call.text("FileShareARN"))
        forced = call.parameters.get("ForceDelete") is True
        if not forced:
            self._gateways.connected(share.text("gatewayArn"))
        self._shares.pass_through(share.text("arn"), "FORCE_DELETING" if forced else "DELETING")
        return {"FileShareARN": share.text("arn")}

    def notified(self, call: Call) -> Struct:
        """Begin something that ends with an event: a refresh, or the barrier behind all uploads so far."""
        _, share = self._shares.get(call.text("FileShareARN"))
        self._gateways.connected(share.text("gatewayArn"))
        return {"FileShareARN": share.text("arn"), "NotificationId": str(uuid.uuid4())}


def _share_name(call: Call) -> str:
    """Return the name that clients mount: given, else the bucket's; a prefix needs a name."""
    if call.text("FileShareName"):
        return call.text("FileShareName")
    bucket, _, prefix = call.text("LocationARN").rpartition(":")[2].partition("/")
    if prefix:
        raise invalid("FileShareName is required with a prefix in LocationARN.")
    return bucket


def _check_clients(call: Call) -> None:
    clients = call.parameters.get("ClientList")
    for client in clients if isinstance(clients, list) else []:
        try:
            ipaddress.ip_network(str(client))
        except ValueError as error:
            raise invalid(f"Invalid client address or range: {error}.") from error
