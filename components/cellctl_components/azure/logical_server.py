"""What every logical SQL server is, whatever has its databases in it: who administers it, what it admits, its audit."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import sql

from cellctl_components.azure.place import Place, guarding, named

if TYPE_CHECKING:
    from cellctl_components.azure.sealing import Sealing
    from cellctl_components.azure.sql_server import Administrators

AUDITED = (
    "SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP",
    "FAILED_DATABASE_AUTHENTICATION_GROUP",
    "DATABASE_PRINCIPAL_CHANGE_GROUP",
    "DATABASE_ROLE_MEMBER_CHANGE_GROUP",
    "DATABASE_PERMISSION_CHANGE_GROUP",
)
"""Who came in and who was let in. Not every batch: Octopus polls its queue all the time, and logs cost by volume."""

ADMINISTERED = ("administrators", "administratorLoginPassword")
"""Ignored on every server: any edit of the first, even of the display name, would delete the server with all its
databases (pulumi/docs 13845); later changes go through their own resource types. The other is new in every run."""

_LOGIN = "cellctl"
_PASSWORD_BYTES = 48


def logical_server(
    name: str,
    server_name: str,
    *,
    place: Place,
    administrators: Administrators,
    opts: pulumi.ResourceOptions,
    region: str = "",
    identities: Sequence[pulumi.Input[str]] = (),
    key_uri: pulumi.Input[str] | None = None,
    passwords: bool = False,
) -> sql.Server:
    """Declare `NAME-server`: signed in to through Entra alone, reached through private endpoints alone.

    With `passwords` users of databases may have some. Then Azure wants an administrator with one too: it is made here,
    kept by nobody (the state holds it sealed), and the Entra group administers.

    The first of `identities` (ids) is the one that opens the key at `key_uri`, or else reads the directory. Without a
    `region` it is where its place is.
    """
    return sql.Server(
        f"{name}-server",
        resource_group_name=place.resource_group,
        server_name=server_name,
        location=region or place.location,
        version="12.0",
        minimal_tls_version="1.2",
        public_network_access="Disabled",
        restrict_outbound_network_access="Disabled",
        administrators=sql.ServerExternalAdministratorArgs(
            administrator_type="ActiveDirectory",
            principal_type="Group",
            login=administrators.name,
            sid=administrators.group,
            tenant_id=administrators.tenant,
            azure_ad_only_authentication=not passwords,
        ),
        administrator_login=_LOGIN if passwords else None,
        administrator_login_password=pulumi.Output.secret(f"Aa1-{secrets.token_urlsafe(_PASSWORD_BYTES)}")
        if passwords
        else None,
        identity=sql.ResourceIdentityArgs(type="UserAssigned", user_assigned_identities=[*identities])
        if identities
        else None,
        primary_user_assigned_identity_id=identities[0] if identities else None,
        key_id=key_uri,
        tags=place.tags,
        opts=opts,
    )


def audit(
    parent: pulumi.ComponentResource, name: str, place: Place, server: sql.Server, server_name: str
) -> sql.ExtendedServerBlobAuditingPolicy:
    """Declare `NAME-audit`: a server tells Azure Monitor what is in AUDITED."""
    return sql.ExtendedServerBlobAuditingPolicy(
        f"{name}-audit",
        resource_group_name=place.resource_group,
        server_name=named(server, server_name),
        blob_auditing_policy_name="default",
        state=sql.BlobAuditingPolicyState.ENABLED,
        is_azure_monitor_target_enabled=True,
        audit_actions_and_groups=list(AUDITED),
        opts=guarding(parent, server),
    )


def protector(
    parent: pulumi.ComponentResource,
    name: str,
    place: Place,
    server: sql.Server,
    *,
    server_name: str,
    sealing: Sealing,
) -> sql.EncryptionProtector:
    """Declare `NAME-protector`: a server follows newer versions of the key of others that seals its databases."""
    return sql.EncryptionProtector(
        f"{name}-protector",
        resource_group_name=place.resource_group,
        server_name=named(server, server_name),
        encryption_protector_name="current",
        server_key_type=sql.ServerKeyType.AZURE_KEY_VAULT,
        server_key_name=sealing.key.server_key,
        auto_rotation_enabled=True,
        # It turns to newer versions by itself.
        opts=pulumi.ResourceOptions(parent=parent, protect=True, deleted_with=server, ignore_changes=["serverKeyName"]),
    )
