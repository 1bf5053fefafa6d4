"""The program of a cell on AWS: one provider for each package, one component, outputs."""

from __future__ import annotations

import pulumi

from cellctl.clouds import AccountFacts, Accounts, Cloud, Layout, Reefs
from cellctl_components.aws.account import account_layout
from cellctl_components.aws.cell import Cell, CellArgs
from cellctl_components.aws.layout import AwsLayout
from cellctl_components.aws.reef_layout import reef_layout
from cellctl_components.aws.resolve import layout as aws_layout
from cellctl_components.aws.site import settle
from cellctl_stacks import aws_account, aws_reef
from cellctl_stacks.aws_providers import (
    GATEWAY_IMAGE,
    NODE_IMAGES,
    OPENS_WHEN_NEEDED,
    image,
    operator,
    providers,
)


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a cell on AWS and export what people and `verify` need; never a secret."""
    assert isinstance(layout, AwsLayout)
    cloud, steps = providers(layout, account, tags=layout.tags)
    cell = Cell(
        layout.cell,
        CellArgs(
            layout=layout.for_account(account.id),
            account=account.id,
            control=account.control_cidr,
            operator=operator(account),
            standing=account.born < OPENS_WHEN_NEEDED,
            logs=account.logs,
            gateway_image=image(GATEWAY_IMAGE, cloud),
            node_image=image(NODE_IMAGES[layout.nodes.os], cloud),
        ),
        opts=pulumi.ResourceOptions(providers=[cloud, steps]),
    )
    for key, value in cell.facts.items():
        pulumi.export(key, value)


CLOUD = Cloud(
    name="aws",
    layout=aws_layout,
    program=program,
    reefs=Reefs(reef_layout, aws_reef.program),
    accounts=Accounts(account_layout, aws_account.program),
    settle=settle,
)
