"""The program of a cell on Azure: one provider for each package, one component, outputs."""

from __future__ import annotations

import pulumi

from cellctl.clouds import AccountFacts, Accounts, Cloud, Layout, Reefs
from cellctl_components.azure.account_layout import account_layout
from cellctl_components.azure.cell import Cell, CellArgs
from cellctl_components.azure.layout import AzureLayout, azure_layout
from cellctl_components.azure.reef_layout import reef_layout
from cellctl_components.azure.site import settle
from cellctl_stacks import azure_account, azure_reef
from cellctl_stacks.azure_providers import administrators_of, operator_of, providers


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a cell on Azure and export what people and `verify` need; never a secret."""
    assert isinstance(layout, AzureLayout)
    administrators = administrators_of(account)
    cloud, steps = providers(layout, account)
    cell = Cell(
        layout.cell,
        CellArgs(
            layout=layout,
            subscription=account.id,
            control=account.control_cidr,
            operator=operator_of(account),
            administrators=administrators,
            directory_identity=account.sql_identity,
            queue_role=account.queue_role,
            private_zones=account.private_zones,
        ),
        opts=pulumi.ResourceOptions(providers=[cloud, steps]),
    )
    for key, value in cell.outputs.items():
        pulumi.export(key, value)


CLOUD = Cloud(
    name="azure",
    layout=azure_layout,
    program=program,
    settle=settle,
    reefs=Reefs(reef_layout, azure_reef.program),
    accounts=Accounts(account_layout, azure_account.program),
)
