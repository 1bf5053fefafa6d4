"""The program of a reef on AWS: one provider for each package, one component, outputs."""

from __future__ import annotations

import pulumi

from cellctl.clouds import AccountFacts, Layout
from cellctl_components.aws.reef import Reef, ReefArgs
from cellctl_components.aws.reef_layout import ReefLayout
from cellctl_stacks.aws_providers import GATEWAY_IMAGE, OPENS_WHEN_NEEDED, image, operator, providers


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a reef on AWS and export what the registry records of it; never a secret."""
    assert isinstance(layout, ReefLayout)
    cloud, steps = providers(layout, account, tags=layout.tags)
    reef = Reef(
        layout.cell,
        ReefArgs(
            layout=layout.for_account(account.id),
            account=account.id,
            control=account.control_cidr,
            operator=operator(account),
            standing=account.born < OPENS_WHEN_NEEDED,
            logs=account.logs,
            gateway_image=image(GATEWAY_IMAGE, cloud),
        ),
        opts=pulumi.ResourceOptions(providers=[cloud, steps]),
    )
    for key, value in reef.facts.items():
        pulumi.export(key, value)
