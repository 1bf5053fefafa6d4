"""The program of a subscription on Azure: one provider, one component, outputs."""

from __future__ import annotations

import pulumi

from cellctl.clouds import AccountFacts, Layout
from cellctl.errors import UsageError
from cellctl_components.azure.account import Subscription, SubscriptionArgs
from cellctl_components.azure.account_layout import AccountLayout
from cellctl_stacks.azure_providers import providers, tenant_of


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a subscription's base on Azure and export what `cellctl.yaml` says of it."""
    assert isinstance(layout, AccountLayout)
    tenant = tenant_of(account)
    if not tenant:
        raise UsageError(
            "the account names no Entra tenant",
            hint="add `tenant: ID` to the account in cellctl.yaml",
            code="account_incomplete",
        )
    cloud, _ = providers(layout, account, federated=bool(account.role))
    made = Subscription(
        layout.cell,
        SubscriptionArgs(layout=layout, subscription=account.id, tenant=tenant),
        opts=pulumi.ResourceOptions(providers=[cloud]),
    )
    for key, value in made.facts.items():
        pulumi.export(key, value)
