"""The explicit providers of a stack on Azure, and who administers its databases."""

from __future__ import annotations

import uuid

import pulumi
import pulumi_azure_native as azure_native

from cellctl.clouds import AccountFacts, Layout
from cellctl.errors import UsageError
from cellctl_components import resources as cellctl
from cellctl_components.azure.sql_server import Administrators
from cellctl_stacks.renamed import alias_renamed

ADMINISTRATORS = "octopus-sql-administrators"
"""Display name of the group that administers databases; the object id decides."""

_SANDBOX = uuid.UUID("8c1f7f3c-53f3-5d3a-9a39-6a3c2a1f5b10")

KEEP_ALIASES = "keepVersionAliases"
"""Setting of a stack whose checkpoint holds types with an API version (made by azure-native 2): aliases then stay."""

ALIAS_PREFIX = "azure-native:"
"""azure-native gives each resource about 40 aliases of API versions: 87 % of a preview's CPU (embedded-engine.md 5)."""


def providers(
    layout: Layout, account: AccountFacts, *, federated: bool = True
) -> tuple[azure_native.Provider, cellctl.Provider]:
    """Return the stack's only providers: this subscription, an application and never keys.

    Without `federated` whoever is signed in on this machine acts: the base of a subscription is what makes the
    applications.

    They are what a program declares first, so what was renamed is given its aliases here.
    """
    alias_renamed("azure")
    if not pulumi.Config().get_bool(KEEP_ALIASES):
        pulumi.runtime.register_stack_transformation(drop_version_aliases)
    cloud = azure_native.Provider(
        "azure-native",
        subscription_id=account.id,
        tenant_id=account.tenant or None,
        client_id=account.role or None,
        use_oidc=federated and not account.sandbox,
        location=layout.region,
        disable_pulumi_partner_id=True,
    )
    steps = cellctl.Provider(
        "cellctl",
        azure_tenant=account.tenant,
        azure_client=account.role,
        azure_subscription=account.id,
    )
    return cloud, steps


def tenant_of(account: AccountFacts) -> str:
    """Return the Entra tenant of a subscription, `` where a real account names none."""
    return account.tenant or (_sandbox_id("tenant", account) if account.sandbox else "")


def operator_of(account: AccountFacts) -> str:
    """Return the object id of whoever runs cellctl, `` where a group of the subscription may already write secrets."""
    return account.principal or (_sandbox_id("operator", account) if account.sandbox else "")


def administrators_of(account: AccountFacts) -> Administrators:
    """Return who administers databases; the sandbox has a group of its own in each simulated subscription."""
    if account.administrators:
        return Administrators(tenant=account.tenant, group=account.administrators, name=ADMINISTRATORS)
    if not account.sandbox:
        raise UsageError(
            "the account names no Entra group that administers databases",
            hint="add `administrators: OBJECT-ID` to the account in cellctl.yaml",
            code="account_incomplete",
        )
    return Administrators(
        tenant=tenant_of(account),
        group=_sandbox_id("administrators", account),
        name=ADMINISTRATORS,
    )


def _sandbox_id(role: str, account: AccountFacts) -> str:
    return str(uuid.uuid5(_SANDBOX, f"{role}/{account.id}"))


def drop_version_aliases(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Drop aliases that name another API version of the same azure-native type.

    Safe as long as the checkpoint holds no versioned type (`azure-native:network/v20220101:VirtualNetwork`); a stack
    that does is given the setting `KEEP_ALIASES`, and then this is not registered.
    """
    aliases = args.opts.aliases
    if not aliases or not args.type_.startswith(ALIAS_PREFIX):
        return None
    kept = [alias for alias in aliases if not _of_version(alias)]
    if len(kept) == len(aliases):
        return None
    args.opts.aliases = kept
    return pulumi.ResourceTransformationResult(args.props, args.opts)


def _of_version(alias: object) -> bool:
    kind = getattr(alias, "type_", None)
    return isinstance(kind, str) and kind.startswith(ALIAS_PREFIX)
