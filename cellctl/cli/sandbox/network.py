"""`cellctl sandbox network`: a network that another team has, for cells that go into one."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.options import HomeOption

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the network is called in the account.")]
CloudOption = Annotated[str, typer.Option("--cloud", help="aws or azure.")]
RegionOption = Annotated[str, typer.Option("--region", help="Its region; eu-west-1 or westeurope without it.")]
CidrOption = Annotated[str, typer.Option("--cidr", help="Its range, /16 to /20.")]
ZonesOption = Annotated[int, typer.Option("--zones", min=2, max=3, help="How many zones it is in, on AWS.")]
DomainOption = Annotated[str, typer.Option("--domain", help="Also a private zone of this DNS name.")]
KeyFlag = Annotated[bool, typer.Option("--key", help="Also a key of KMS, or of Key Vault.")]


def network(  # noqa: PLR0917  typer reads the signature
    name: NameArgument = "shared",
    cloud: CloudOption = "aws",
    region: RegionOption = "",
    cidr: CidrOption = "10.80.0.0/16",
    zones: ZonesOption = 3,
    domain: DomainOption = "",
    key: KeyFlag = False,
    home: HomeOption = None,
) -> None:
    """Make a simulated network that belongs to no cell, and print what a cell file says to go into it.

    `cellctl sandbox network shared >> cells/acme.yaml`, then indent below `spec:` and `cellctl up acme`

    `cellctl sandbox network shared --domain corp.internal --key`

    `cellctl sandbox network hub --cloud azure --domain corp.internal`
    """
    import yaml

    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.cli.sandbox.options import check_cloud
    from cellctl.home.cells import DEFAULT_REGIONS

    check_cloud(cloud)
    region = region or DEFAULT_REGIONS[cloud]
    found = open_control(home).network(name, region=region, cidr=cidr, zones=zones, domain=domain, key=key, cloud=cloud)
    text = yaml.safe_dump(dict(found), sort_keys=False, default_flow_style=None, width=1000)
    for line in text.splitlines():
        streams.out().line(f"  {line}")
    streams.say("Made a network that belongs to no cell. The lines above go below `spec:` of a cell file.")
