"""File shares: objects of the simulated cloud, whether a program, boto3 or this API made them; one truth.

An object's properties carry the names of the Pulumi types; `NFS` and `SMB` say what the API calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.storage_gateway.gateways import refused

# How long a share stays in a state that passes, in simulated seconds (reference/aws.md 5).
PASSING_S = {"CREATING": 15.0, "UPDATING": 10.0, "DELETING": 10.0, "FORCE_DELETING": 5.0}

_COMMON = {
    "FileShareARN": "arn",
    "FileShareId": "fileshareId",
    "GatewayARN": "gatewayArn",
    "KMSEncrypted": "kmsEncrypted",
    "KMSKey": "kmsKeyArn",
    "Path": "path",
    "Role": "roleArn",
    "LocationARN": "locationArn",
    "DefaultStorageClass": "defaultStorageClass",
    "ObjectACL": "objectAcl",
    "ReadOnly": "readOnly",
    "GuessMIMETypeEnabled": "guessMimeTypeEnabled",
    "RequesterPays": "requesterPays",
    "FileShareName": "fileShareName",
    "NotificationPolicy": "notificationPolicy",
    "VPCEndpointDNSName": "vpcEndpointDnsName",
    "BucketRegion": "bucketRegion",
    "AuditDestinationARN": "auditDestinationArn",
}
_DEFAULTS: Struct = {
    "kmsEncrypted": False,
    "defaultStorageClass": "S3_STANDARD",
    "objectAcl": "private",
    "readOnly": False,
    "guessMimeTypeEnabled": True,
    "requesterPays": False,
    "notificationPolicy": "{}",
}


@dataclass(frozen=True, kw_only=True)
class ShareKind:
    """One kind of share: its Pulumi type, the API's name of each property, defaults of the service."""

    name: str
    type: str
    fields: Mapping[str, str]
    defaults: Struct

    def from_api(self, parameters: Struct) -> Struct:
        """Return the properties that API parameters set."""
        properties: Struct = {
            self.fields[name]: value for name, value in parameters.items() if name in self.fields and value is not None
        }
        cache = parameters.get("CacheAttributes")
        if isinstance(cache, dict):
            properties["cacheAttributes"] = {"cacheStaleTimeoutInSeconds": cache.get("CacheStaleTimeoutInSeconds")}
        defaults = parameters.get("NFSFileShareDefaults")
        if isinstance(defaults, dict):
            properties["nfsFileShareDefaults"] = {key[:1].lower() + key[1:]: item for key, item in defaults.items()}
        return properties

    def to_api(self, share: CloudObject) -> Struct:
        """Return what Describe says of a share, without its status."""
        known = self.defaults | share.properties
        described: Struct = {
            name: known[key] for name, key in self.fields.items() if known.get(key) not in (None, "", [])
        }
        cache = known.get("cacheAttributes")
        if isinstance(cache, dict) and cache.get("cacheStaleTimeoutInSeconds") is not None:
            described["CacheAttributes"] = {"CacheStaleTimeoutInSeconds": _whole(cache["cacheStaleTimeoutInSeconds"])}
        defaults = known.get("nfsFileShareDefaults")
        if isinstance(defaults, dict) and self.name == "NFS":
            described["NFSFileShareDefaults"] = {
                key[:1].upper() + key[1:]: _whole(item) if key.endswith("Id") else item
                for key, item in defaults.items()
            }
        tags = known.get("tags")
        pairs = tags.items() if isinstance(tags, dict) else ()
        described["Tags"] = [{"Key": key, "Value": value} for key, value in pairs]
        return described


NFS = ShareKind(
    name="NFS",
    type="aws:storagegateway/nfsFileShare:NfsFileShare",
    fields=_COMMON | {"ClientList": "clientLists", "Squash": "squash"},
    defaults=_DEFAULTS
    | {
        "squash": "RootSquash",
        "nfsFileShareDefaults": {"fileMode": "0666", "directoryMode": "0777", "groupId": "65534", "ownerId": "65534"},
    },
)
SMB = ShareKind(
    name="SMB",
    type="aws:storagegateway/smbFileShare:SmbFileShare",
    fields=_COMMON
    | {
        "SMBACLEnabled": "smbAclEnabled",
        "AccessBasedEnumeration": "accessBasedEnumeration",
        "AdminUserList": "adminUserLists",
        "ValidUserList": "validUserLists",
        "InvalidUserList": "invalidUserLists",
        "CaseSensitivity": "caseSensitivity",
        "Authentication": "authentication",
        "OplocksEnabled": "oplocksEnabled",
    },
    defaults=_DEFAULTS
    | {
        "authentication": "ActiveDirectory",
        "caseSensitivity": "ClientSpecified",
        "accessBasedEnumeration": False,
        "smbAclEnabled": False,
        "oplocksEnabled": True,
    },
)
KINDS = (NFS, SMB)


def bucket_of(share: CloudObject) -> str:
    """Return the name of the bucket behind a share."""
    return share.text("locationArn").rpartition(":")[2].partition("/")[0]


class ShareBook:
    """All shares with the states they pass through."""

    def __init__(
        self, documents: Documents, view: CloudView, *, trouble: Callable[[CloudObject], str] | None = None
    ) -> None:
        self._documents = documents
        self._view = view
        self._trouble = trouble

    def all(self) -> list[tuple[ShareKind, CloudObject]]:
        """Return every share, those that have been deleted long enough ago removed."""
        found = [(kind, share) for kind in KINDS for share in self._view.objects(kind.type)]
        return [(kind, share) for kind, share in found if not self._gone(kind, share)]

    def get(self, arn: str) -> tuple[ShareKind, CloudObject]:
        """Return a share by its ARN; an unknown one is an InvalidGatewayRequestException."""
        for kind, share in self.all():
            if share.text("arn") == arn:
                return kind, share
        raise refused("InvalidParameters", "The specified file share was not found.")

    def status(self, share: CloudObject) -> str:
        """Return the state of a share now."""
        with self._documents.transaction() as transaction:
            passing = transaction.get("share", share.text("arn")) or {}
        until = passing.get("until_s")
        if isinstance(until, float) and self._view.now() < until:
            return str(passing["status"])
        # The service tries its role and bucket for ever, and says nothing of why it does not come further.
        return "CREATING" if self._trouble is not None and self._trouble(share) else "AVAILABLE"

    def pass_through(self, arn: str, status: str) -> None:
        """Put a share into a state that passes by itself."""
        until = float(self._view.now()) + PASSING_S[status]
        with self._documents.transaction() as transaction:
            transaction.put("share", arn, {"status": status, "until_s": until})

    def add(self, share: CloudObject) -> None:
        """Add a share, which is being created."""
        self._view.put(share)
        self.pass_through(share.text("arn"), "CREATING")

    def change(self, share: CloudObject, properties: Struct) -> None:
        """Change properties of a share, which is being updated."""
        if self.status(share) not in ("AVAILABLE", "UPDATING"):
            raise refused("OperationAborted", f"The file share is {self.status(share)}.")
        self._view.put(replace(share, properties={**share.properties, **properties}))
        self.pass_through(share.text("arn"), "UPDATING")

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a share."""
        tags = self.get(arn)[1].properties.get("tags")
        return {key: str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}

    def retag(self, arn: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        """Change the tags of a share."""
        _, share = self.get(arn)
        tags: Value = dict(change(self.tags(arn)))
        self._view.put(replace(share, properties={**share.properties, "tags": tags}))

    def claim(self, region: str, token: str, digest: str) -> bool:
        """Record a client token with a digest of its request; False if it was used with another request."""
        with self._documents.transaction() as transaction:
            known = transaction.get("token", f"{region}/{token}")
            if known is None:
                transaction.put("token", f"{region}/{token}", {"digest": digest})
        return known is None or known["digest"] == digest

    def exists(self, arn: str) -> bool:
        """Tell whether there is a share with this ARN."""
        return any(share.text("arn") == arn for _, share in self.all())

    def _gone(self, kind: ShareKind, share: CloudObject) -> bool:
        arn = share.text("arn")
        with self._documents.transaction() as transaction:
            passing = transaction.get("share", arn) or {}
        until = passing.get("until_s")
        ended = isinstance(until, float) and self._view.now() >= until
        if not ended or passing.get("status") not in ("DELETING", "FORCE_DELETING"):
            return False
        self._view.remove(kind.type, share.id)
        with self._documents.transaction() as transaction:
            transaction.remove("share", arn)
        return True


def _whole(value: Value) -> Value:
    """Return a number the API wants whole; Pulumi carries ids as text and numbers as floats."""
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return int(value) if isinstance(value, float) else value
