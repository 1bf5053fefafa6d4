"""Cell: one whole Octopus cell on Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import resources

from cellctl_components.azure.file_shares import FileShares, FileSharesArgs
from cellctl_components.azure.layout import AzureLayout
from cellctl_components.azure.network import Network, NetworkArgs
from cellctl_components.azure.place import Place, stateful
from cellctl_components.azure.sql_server import Administrators, SqlServer, SqlServerArgs


@dataclass(frozen=True, kw_only=True)
class CellArgs:
    """What a Cell is made of: its layout, and what is true of the subscription.

    `control` is the CIDR that cellctl runs in. `administrators` is the Entra group that administers databases.
    """

    layout: AzureLayout
    subscription: str
    control: str
    administrators: Administrators


class Cell(pulumi.ComponentResource):
    """One customer's Octopus Server: network, database, files."""

    facts: Mapping[str, pulumi.Input[object]]

    def __init__(self, name: str, args: CellArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Cell", name, None, opts)
        layout = args.layout
        self.group = resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=layout.names.resource_group,
            location=layout.region,
            tags=layout.tags,
            opts=stateful(self),
        )
        place = Place(
            resource_group=self.group.name,
            location=layout.region,
            subscription=args.subscription,
            tags=layout.tags,
        )
        inside = pulumi.ResourceOptions(parent=self)
        self.network = Network(
            f"{name}-network",
            NetworkArgs(place=place, layout=layout.network, allow=layout.ingress.allow, control=args.control),
            inside,
        )
        self.database = SqlServer(
            f"{name}-database",
            SqlServerArgs(place=place, layout=layout.database, administrators=args.administrators),
            inside,
        )
        self.files = FileShares(f"{name}-files", FileSharesArgs(place=place, layout=layout.storage), inside)
        self.facts = {
            "url": f"https://{layout.ingress.host}",
            "databaseHost": self.database.host,
            "filesHost": self.files.host,
        }
        self.register_outputs(dict(self.facts))
