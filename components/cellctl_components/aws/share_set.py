"""ShareSet: the bucket + share pairs of one gateway, and who may mount them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, s3, storagegateway

from cellctl_components import resources as cellctl
from cellctl_components.aws import buckets, policies
from cellctl_components.aws.layout import Protocol, ShareLayout
from cellctl_components.aws.options import child, stateful

_STALE_S = 300  # the least the service takes; Octopus reads what another node wrote through the same gateway


@dataclass(frozen=True, kw_only=True)
class ShareSetArgs:
    """What the shares are made of.

    `clients` are the addresses of the cell's nodes: they, and nobody else, mount the shares that carry a kind of file.
    Free shares admit nobody. `account` is the account's id, `operator` the role with which cellctl works in it.
    """

    shares: Sequence[ShareLayout]
    protocol: Protocol
    role_name: str
    region: str
    account: str
    gateway_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    clients: Sequence[str]
    protected: bool = True
    in_domain: bool = False
    operator: str = ""


Share = storagegateway.NfsFileShare | storagegateway.SmbFileShare


class ShareSet(pulumi.ComponentResource):
    """Buckets, the role through which the gateway reaches exactly them, the shares, and their access.

    Buckets are versioned and sealed, refuse the public and old TLS, and keep what was overwritten for 30 days. Current
    objects are never expired nor archived: the gateway could not read them.
    """

    def __init__(self, name: str, args: ShareSetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:ShareSet", name, None, opts)
        self._name, self._args = name, args
        self.role = self._role()
        self.buckets = {share.name: self._bucket(share) for share in args.shares}
        self._permission = self._role_policy()
        self._settings = {share.name: self._secured(share, self.buckets[share.name]) for share in args.shares}
        self.shares: dict[str, Share] = {share.name: self._share(share) for share in args.shares}
        self.access = {share.name: self._access(share) for share in args.shares if share.kind}
        self.register_outputs({"buckets": {key: bucket.bucket for key, bucket in self.buckets.items()}})

    def _role(self) -> iam.Role:
        account, region = self._args.account, self._args.region
        source = f"arn:aws:storagegateway:{region}:{account}:gateway/*"
        return iam.Role(
            f"{self._name}-role",
            name=self._args.role_name,
            path="/cells/",
            assume_role_policy=policies.trust("storagegateway.amazonaws.com", account=account, source=source),
            force_detach_policies=True,
            opts=child(self),
        )

    def _role_policy(self) -> iam.RolePolicy:
        arns = [bucket.arn for bucket in self.buckets.values()]
        return iam.RolePolicy(
            f"{self._name}-role",
            name="buckets",
            role=self.role.id,
            policy=pulumi.Output.all(self._args.key_arn, *arns).apply(lambda got: policies.gateway(got[1:], got[0])),
            opts=child(self),
        )

    def _bucket(self, share: ShareLayout) -> s3.Bucket:
        return s3.Bucket(
            f"{self._name}-{share.name}",
            bucket=share.bucket,
            force_destroy=not self._args.protected,
            object_lock_enabled=False,
            tags={"share": share.name},
            opts=stateful(self),
        )

    def _secured(self, share: ShareLayout, bucket: s3.Bucket) -> list[pulumi.Resource]:
        both = pulumi.Output.all(bucket.arn, self.role.arn)
        policy = both.apply(lambda got: policies.bucket(*got, operator=self._args.operator))
        return buckets.guarded(f"{self._name}-{share.name}", bucket, self, self._args.key_arn, policy)

    def _share(self, share: ShareLayout) -> Share:
        before = (self._permission, *self._settings[share.name])
        return self._nfs(share, before) if self._args.protocol == "nfs" else self._smb(share, before)

    def _nfs(self, share: ShareLayout, before: Sequence[pulumi.Resource]) -> storagegateway.NfsFileShare:
        return storagegateway.NfsFileShare(
            f"{self._name}-{share.name}",
            file_share_name=share.name,
            gateway_arn=self._args.gateway_arn,
            location_arn=self.buckets[share.name].arn,
            role_arn=self.role.arn,
            client_lists=[cellctl.NOBODY],
            squash="RootSquash",
            nfs_file_share_defaults=storagegateway.NfsFileShareNfsFileShareDefaultsArgs(
                directory_mode="0770", file_mode="0660", group_id="1000", owner_id="1000"
            ),
            kms_encrypted=True,
            kms_key_arn=self._args.key_arn,
            object_acl="bucket-owner-full-control",
            default_storage_class="S3_STANDARD",
            guess_mime_type_enabled=False,
            read_only=False,
            requester_pays=False,
            cache_attributes=storagegateway.NfsFileShareCacheAttributesArgs(cache_stale_timeout_in_seconds=_STALE_S),
            # Born closed; who may mount it belongs to the cell's ShareAccess.
            opts=stateful(self, *before, ignore=["clientLists"]),
        )

    def _smb(self, share: ShareLayout, before: Sequence[pulumi.Resource]) -> storagegateway.SmbFileShare:
        return storagegateway.SmbFileShare(
            f"{self._name}-{share.name}",
            file_share_name=share.name,
            gateway_arn=self._args.gateway_arn,
            location_arn=self.buckets[share.name].arn,
            role_arn=self.role.arn,
            authentication="ActiveDirectory" if self._args.in_domain else "GuestAccess",
            valid_user_lists=[cellctl.NO_USER] if self._args.in_domain else None,
            case_sensitivity="CaseSensitive",
            access_based_enumeration=False,
            oplocks_enabled=True,
            kms_encrypted=True,
            kms_key_arn=self._args.key_arn,
            object_acl="bucket-owner-full-control",
            default_storage_class="S3_STANDARD",
            guess_mime_type_enabled=False,
            read_only=True,
            requester_pays=False,
            cache_attributes=storagegateway.SmbFileShareCacheAttributesArgs(cache_stale_timeout_in_seconds=_STALE_S),
            # SMB has no client list: a share nobody may use is read-only until its ShareAccess opens it.
            opts=stateful(self, *before, ignore=["readOnly", "validUserLists"]),
        )

    def _access(self, share: ShareLayout) -> cellctl.ShareAccess:
        return cellctl.ShareAccess(
            f"{self._name}-{share.name}",
            region=self._args.region,
            share_arn=self.shares[share.name].arn,
            protocol=self._args.protocol,
            clients=list(self._args.clients),
            opts=child(self),
        )
