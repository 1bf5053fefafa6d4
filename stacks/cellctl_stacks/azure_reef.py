"""The program of a reef on Azure: one provider for each package, one component, outputs."""

from __future__ import annotations

import pulumi

from cellctl.clouds import AccountFacts, Layout
from cellctl_components.azure.reef import Reef, ReefArgs
from cellctl_components.azure.reef_layout import ReefLayout
from cellctl_stacks.azure_providers import administrators_of, providers


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a reef on Azure and export what the registry records of it; never a secret."""
    assert isinstance(layout, ReefLayout)
    administrators = administrators_of(account)
    cloud, steps = providers(layout, account)
    reef = Reef(
        layout.cell,
        ReefArgs(
            layout=layout,
            subscription=account.id,
            control=account.control_cidr,
            administrators=administrators,
            directory_identity=account.sql_identity,
            private_zones=account.private_zones,
        ),
        opts=pulumi.ResourceOptions(providers=[cloud, steps]),
    )
    for key, value in reef.facts.items():
        pulumi.export(key, value)
