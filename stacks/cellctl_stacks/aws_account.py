"""The program of an account on AWS: one provider, one component, outputs."""

from __future__ import annotations

import pulumi

from cellctl.clouds import AccountFacts, Layout
from cellctl_components.aws.account import Account, AccountArgs, AccountLayout
from cellctl_stacks.aws_providers import providers


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare an account's base on AWS and export what `cellctl.yaml` says of it."""
    assert isinstance(layout, AccountLayout)
    cloud, _ = providers(layout, account, tags=layout.tags)
    made = Account(
        layout.cell,
        AccountArgs(layout=layout, account=account.id),
        opts=pulumi.ResourceOptions(providers=[cloud]),
    )
    for key, value in made.facts.items():
        pulumi.export(key, value)
