"""Resources of package `cellctl` for Pulumi programs: imperative steps that preview, diff, resume and delete.

Property names on the wire are the camelCase ones in `_props`; their handlers live in `cellctl_provider`. Every class
takes a logical name, keyword arguments, and `opts` (which must name the explicit provider).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

VERSION = "0.1.0"
NOBODY = "192.0.2.1/32"
"""Client list entry that admits nobody: TEST-NET-1, never assigned to a host (RFC 5737, 2010-01). Shares that wait for
a cell are created with it, and deleting a `ShareAccess` leaves it."""

NO_USER = "cellctl-nobody"
"""Valid user of shares in a domain that wait for a cell: a list without users admits all of the domain's."""


def _options(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)


def _text(resource: pulumi.CustomResource, name: str) -> pulumi.Output[str]:
    output: pulumi.Output[str] = pulumi.get(resource, name)
    return output


class Provider(pulumi.ProviderResource):
    """One configuration of package `cellctl`: as whom its resources act. Never keys, never ambient login.

    `aws_role` is the ARN of the role to assume and `aws_account` the only account id allowed. `azure_tenant`,
    `azure_client` and `azure_subscription` are ids for OIDC. All are empty in the sandbox.
    """

    def __init__(
        self,
        name: str,
        *,
        aws_role: pulumi.Input[str] = "",
        aws_account: pulumi.Input[str] = "",
        azure_tenant: pulumi.Input[str] = "",
        azure_client: pulumi.Input[str] = "",
        azure_subscription: pulumi.Input[str] = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        given: dict[str, pulumi.Input[str]] = {
            "awsRole": aws_role,
            "awsAccount": aws_account,
            "azureTenant": azure_tenant,
            "azureClient": azure_client,
            "azureSubscription": azure_subscription,
        }
        props: dict[str, object] = {key: value for key, value in given.items() if value != ""}
        super().__init__("cellctl", name, props, _options(opts))


class FileGateway(pulumi.CustomResource):
    """A Storage Gateway brought up on an appliance that runs: activated once, cache added once, settings applied.

    `instance_id` is the EC2 instance (changing it replaces the gateway; it is how an existing one is adopted).
    `address` is the appliance's private address, used for activation only; with `security_group_id` its port 80 is open
    to `control_cidr` while it is activated, and at no other time. `cache_sizes_gib` lists the sizes of the
    cache volumes attached; grow by adding to the list. `guest_password_secret` is the ARN of a secret of AWS Secrets
    Manager that holds the SMB guest password; one is generated into it if it is empty, and it never enters the state.
    With a `domain` the gateway joins it, in `domain_unit`, as whom the secret at `domain_secret` says (JSON with
    `username` and `password`); `domain_controllers` are its addresses, empty to find them by DNS.
    `capacity` is Small, Medium or Large. `maintenance` is `{"dayOfWeek": 0..6, "hourOfDay": 0..23, "minuteOfHour":
    0..59}` in UTC. `accept_data_loss` allows deletion while the cache is not proven clean.
    """

    def __init__(
        self,
        name: str,
        *,
        region: pulumi.Input[str],
        instance_id: pulumi.Input[str],
        address: pulumi.Input[str],
        gateway_name: pulumi.Input[str],
        cache_sizes_gib: pulumi.Input[Sequence[pulumi.Input[int]]],
        timezone: pulumi.Input[str] = "GMT",
        capacity: pulumi.Input[str] = "Small",
        vpc_endpoint: pulumi.Input[str] | None = None,
        security_group_id: pulumi.Input[str] | None = None,
        control_cidr: pulumi.Input[str] | None = None,
        log_group_arn: pulumi.Input[str] | None = None,
        smb_security_strategy: pulumi.Input[str] | None = None,
        smb_share_visibility: pulumi.Input[bool] = False,
        guest_password_secret: pulumi.Input[str] | None = None,
        domain: pulumi.Input[str] | None = None,
        domain_unit: pulumi.Input[str] | None = None,
        domain_secret: pulumi.Input[str] | None = None,
        domain_controllers: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        maintenance: pulumi.Input[Mapping[str, pulumi.Input[int]]] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        accept_data_loss: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "region": region,
            "instanceId": instance_id,
            "address": address,
            "gatewayName": gateway_name,
            "cacheSizesGib": cache_sizes_gib,
            "timezone": timezone,
            "capacity": capacity,
            "vpcEndpoint": vpc_endpoint,
            "securityGroupId": security_group_id,
            "controlCidr": control_cidr,
            "logGroupArn": log_group_arn,
            "smbSecurityStrategy": smb_security_strategy,
            "smbShareVisibility": smb_share_visibility,
            "guestPasswordSecret": guest_password_secret,
            "domain": domain,
            "domainUnit": domain_unit,
            "domainSecret": domain_secret,
            "domainControllers": domain_controllers,
            "maintenance": maintenance,
            "tags": tags,
            "acceptDataLoss": accept_data_loss,
            "gatewayArn": None,
            "gatewayId": None,
            "cacheDiskIds": None,
        }
        super().__init__("cellctl:aws:FileGateway", name, props, _options(opts))

    @property
    @pulumi.getter(name="gatewayArn")
    def gateway_arn(self) -> pulumi.Output[str]:
        """ARN of the gateway; shares are created on it once this is known: the cache is ready by then."""
        return _text(self, "gatewayArn")

    @property
    @pulumi.getter(name="gatewayId")
    def gateway_id(self) -> pulumi.Output[str]:
        """Id of the gateway, `sgw-…`: the CloudWatch dimension, and the domain of the SMB guest user."""
        return _text(self, "gatewayId")

    @property
    @pulumi.getter(name="cacheDiskIds")
    def cache_disk_ids(self) -> pulumi.Output[Sequence[str]]:
        """Ids of the cache disks, as the service relabelled them."""
        ids: pulumi.Output[Sequence[str]] = pulumi.get(self, "cacheDiskIds")
        return ids


class ShareAccess(pulumi.CustomResource):
    """Who may mount one file share: exactly `clients`. Owned by the cell; the share itself ignores this property.

    `protocol` is `nfs` or `smb`. `clients` are addresses or CIDRs of the cell's nodes, for NFS the share's client list
    (1 to 100; empty means nobody). SMB has no client list: `valid_users` is set on shares that authenticate by Active
    Directory, guest shares rely on the security groups that the nodes carry. A share nobody may use is read-only (SMB)
    or admits `NOBODY` (NFS); deletion leaves that.
    """

    def __init__(
        self,
        name: str,
        *,
        region: pulumi.Input[str],
        share_arn: pulumi.Input[str],
        protocol: pulumi.Input[str],
        clients: pulumi.Input[Sequence[pulumi.Input[str]]],
        valid_users: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "region": region,
            "shareArn": share_arn,
            "protocol": protocol,
            "clients": clients,
            "validUsers": valid_users,
            "enforcedBy": None,
        }
        super().__init__("cellctl:aws:ShareAccess", name, props, _options(opts))

    @property
    @pulumi.getter(name="enforcedBy")
    def enforced_by(self) -> pulumi.Output[str]:
        """What keeps others out: `client-list`, `valid-users` or `security-group`."""
        return _text(self, "enforcedBy")


class FolderTree(pulumi.CustomResource):
    """Folders on the shares of one file server, each tried as who serves the nodes: written, read, removed again.

    `host` is the server's name. Give either `account`, the ARM id of the storage account whose key opens its shares, or
    `secret`, the reference of one that holds `{"username": …, "password": …}`. `folders` are shares, or paths on one
    (`packages`, `files/packages`). Neither key nor password enters the state; deletion and folders that are not named
    any more remove nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        host: pulumi.Input[str],
        folders: pulumi.Input[Sequence[pulumi.Input[str]]],
        account: pulumi.Input[str] | None = None,
        secret: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "host": host,
            "account": account,
            "secret": secret,
            "folders": folders,
            "proven": None,
        }
        super().__init__("cellctl:files:FolderTree", name, props, _options(opts))

    @property
    @pulumi.getter(name="proven")
    def proven(self) -> pulumi.Output[Sequence[str]]:
        """The folders in which a file was written, read and removed."""
        proven: pulumi.Output[Sequence[str]] = pulumi.get(self, "proven")
        return proven


class MasterKey(pulumi.CustomResource):
    """The cell's master key, generated once into its secret store before the database exists; never overwritten.

    AWS: `region` and `secret_id` (ARN of the secret). Azure: `vault_uri` (`https://NAME.vault.azure.net/`) and
    `secret_name`. The state holds the reference, the version and a fingerprint, never the key. Deletion keeps the key.
    """

    def __init__(
        self,
        name: str,
        *,
        region: pulumi.Input[str] | None = None,
        secret_id: pulumi.Input[str] | None = None,
        vault_uri: pulumi.Input[str] | None = None,
        secret_name: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "region": region,
            "secretId": secret_id,
            "vaultUri": vault_uri,
            "secretName": secret_name,
            "reference": None,
            "version": None,
            "fingerprint": None,
        }
        super().__init__("cellctl:octopus:MasterKey", name, props, _options(opts))

    @property
    @pulumi.getter(name="reference")
    def reference(self) -> pulumi.Output[str]:
        """Where the key is: the secret's ARN, or the URI of the Key Vault secret without its version."""
        return _text(self, "reference")

    @property
    @pulumi.getter(name="fingerprint")
    def fingerprint(self) -> pulumi.Output[str]:
        """First 32 hex digits of a SHA-256 over the key: tells keys apart, reveals none."""
        return _text(self, "fingerprint")


class CellDatabase(pulumi.CustomResource):
    """A cell's database with its one login or managed identity as db_owner, and proof that it opens nothing else.

    `engine` is `rds` or `azure-sql`. `server` is the name to dial, `administrator_secret` the reference of the secret
    with the administrator's password (ARN or Key Vault secret URI). Give either `login` with `login_secret` (where its
    password is kept; generated there if empty) or `identity` (display name) with `identity_client_id`. `former_login`
    is the user of the password before, which stays while nodes come over.
    """

    def __init__(
        self,
        name: str,
        *,
        engine: pulumi.Input[str],
        region: pulumi.Input[str],
        server: pulumi.Input[str],
        database: pulumi.Input[str],
        port: pulumi.Input[int] = 1433,
        administrator: pulumi.Input[str] | None = None,
        administrator_secret: pulumi.Input[str] | None = None,
        login: pulumi.Input[str] | None = None,
        login_secret: pulumi.Input[str] | None = None,
        former_login: pulumi.Input[str] | None = None,
        identity: pulumi.Input[str] | None = None,
        identity_client_id: pulumi.Input[str] | None = None,
        collation: pulumi.Input[str] = "SQL_Latin1_General_CP1_CI_AS",
        read_committed_snapshot: pulumi.Input[bool] = True,
        master_key_fingerprint: pulumi.Input[str] | None = None,
        accept_data_loss: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "engine": engine,
            "region": region,
            "server": server,
            "port": port,
            "database": database,
            "administrator": administrator,
            "administratorSecret": administrator_secret,
            "login": login,
            "loginSecret": login_secret,
            "formerLogin": former_login,
            "identity": identity,
            "identityClientId": identity_client_id,
            "collation": collation,
            "readCommittedSnapshot": read_committed_snapshot,
            "masterKeyFingerprint": master_key_fingerprint,
            "acceptDataLoss": accept_data_loss,
            "haMode": None,
        }
        super().__init__("cellctl:sql:CellDatabase", name, props, _options(opts))

    @property
    @pulumi.getter(name="haMode")
    def ha_mode(self) -> pulumi.Output[str]:
        """How its server really keeps a second copy (RDS): `single`, `mirroring` or `always_on`."""
        mode: pulumi.Output[str] = pulumi.get(self, "haMode")
        return mode

    @property
    @pulumi.getter(name="database")
    def database(self) -> pulumi.Output[str]:
        """Name of the database; known once it exists and the identity can open it."""
        return _text(self, "database")
