"""The witness: a program of twelve resources at a time that holds each kind of step.

Component, two explicit providers, secret, every type of provider `cellctl`, what holds data; `update` changes in place
(Octopus to another version, too), adds (a node learns of a queue) and drops; `replace` replaces with the new object
first, with the old one first, and what depends on it, reads what is there, and drops the folders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pulumi

from cellctl.spec import CellSpec
from cellctl.sqlserver.connection import Endpoint, Identity
from cellctl.state.values import Struct
from cellctl_components import octopus
from cellctl_components import resources as cellctl
from cellctl_sandbox.host import open_host
from crashes.landscape import ACCOUNT, ADDRESS, CELL, EMAIL, FILES, NODE, NODE_ADDRESS, REGION, USERNAME, VERSION

MOST = 12
"""How many resources it has at a time, besides the root stack: each of them is struck at each place."""
DATABASE = "octo_witness_g1"
LATER = "2026.4.7100"
PART = f"urn:pulumi:cell-{CELL}::octopus-cells::crash:index:Part$"
SHARE = f"{PART}aws:storagegateway/nfsFileShare:NfsFileShare::share"


@dataclass(frozen=True, kw_only=True)
class WitnessLayout:
    """What the program is told."""

    cell: str
    variation: str
    cloud: str = "aws"
    account: str = "sandbox"
    region: str = REGION

    def to_json(self) -> Struct:
        return {"variation": self.variation}


class WitnessCloud:
    """A cloud as `cellctl.clouds` sees one; the cell's label `variation` says which program runs."""

    name = "aws"

    def __init__(self, landscape: Mapping[str, str]) -> None:
        self._landscape = landscape

    def layout(self, spec: CellSpec, *, incarnation: int = 1, place: object = None) -> WitnessLayout:
        return WitnessLayout(cell=CELL, variation=spec.metadata.labels.get("variation", "base"))

    def program(self, layout: WitnessLayout, account: object) -> None:
        declare(layout.variation, self._landscape)


class Part(pulumi.ComponentResource):
    """The component that holds everything."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("crash:index:Part", name, None, opts)


AWS = version("pulumi-aws")


class Aws(pulumi.CustomResource):
    """A resource of AWS by its token, its properties as they go over the wire.

    The classes of the SDK make an output of each property: hundreds in every run of this program, and the same
    registration.
    """

    arn: pulumi.Output[str]

    def __init__(self, token: str, name: str, inputs: Mapping[str, object], opts: pulumi.ResourceOptions) -> None:
        merged = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=AWS), opts)
        super().__init__(f"aws:{token}", name, inputs if opts.id else {**inputs, "arn": None}, merged)


def declare(variation: str, land: Mapping[str, str]) -> None:
    """Declare the witness."""
    updating, replacing = variation == "update", variation == "replace"
    allowed = {"region": REGION, "allowedAccountIds": json.dumps([ACCOUNT])}
    aws = pulumi.ProviderResource("aws", "aws", allowed, pulumi.ResourceOptions(version=AWS))
    steps = cellctl.Provider("steps", aws_account=ACCOUNT)
    part = Part("part", pulumi.ResourceOptions(providers=[aws, steps]))

    def inside(**more: object) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=part, **more)  # type: ignore[arg-type]

    if replacing:
        Aws("ec2/vpc:Vpc", "network", {}, inside(id=land["vpc"]))
    key = cellctl.MasterKey("key", region=REGION, secret_id=land["secret"], opts=inside())
    database = cellctl.CellDatabase(
        "database",
        engine="rds",
        region=REGION,
        server=land["server"],
        database=DATABASE,
        administrator="admin",
        administrator_secret=land["administrator"],
        login="octo_witness",
        login_secret=land["login"],
        master_key_fingerprint=key.fingerprint,
        opts=inside(protect=True),
    )
    gateway = cellctl.FileGateway(
        "gateway",
        region=REGION,
        instance_id=land["instance"],
        address=ADDRESS,
        security_group_id=land["group"],
        control_cidr="10.255.0.0/24",
        gateway_name="witness",
        cache_sizes_gib=[150],
        capacity="Medium" if updating else "Small",
        opts=inside(),
    )
    share = Aws(
        "storagegateway/nfsFileShare:NfsFileShare",
        "share",
        {
            "fileShareName": "files",
            "gatewayArn": gateway.gateway_arn,
            "locationArn": land["bucket"],
            "roleArn": land["role"],
            "clientLists": [cellctl.NOBODY],
            "vpcEndpointDnsName": "other.example.com" if replacing else None,
        },
        inside(ignore_changes=["clientLists"], delete_before_replace=True),
    )
    clients = ["10.64.1.1", "10.64.1.2"] if updating else ["10.64.1.1"]
    cellctl.ShareAccess("access", region=REGION, share_arn=share.arn, protocol="nfs", clients=clients, opts=inside())
    if not replacing:
        cellctl.FolderTree(
            "folders",
            host=f"{FILES}.file.core.windows.net",
            account=land["files"],
            folders=["files/logs", "files/packages"] if updating else ["files/packages"],
            opts=inside(),
        )
    if not updating:
        _alarms(inside, "witness-2" if replacing else "witness-1")
    _octopus(land, inside, database, updating=updating)
    pulumi.export("share", share.arn)


def _alarms(inside: Callable[..., pulumi.ResourceOptions], name: str) -> None:
    shown = pulumi.Output.secret("swordfish")
    Aws("sns/topic:Topic", "alarms", {"name": name, "displayName": shown, "tags": {"owner": "a"}}, inside())


def _octopus(
    land: Mapping[str, str],
    inside: Callable[..., pulumi.ResourceOptions],
    database: pulumi.Resource,
    *,
    updating: bool,
) -> None:
    administrator = octopus.Administrator(
        "administrator",
        address=NODE_ADDRESS,
        port=8080,
        scheme="http",
        username=USERNAME,
        email=f"new-{EMAIL}" if updating else EMAIL,
        password_secret=land["password"],
        api_key_secret=land["api_key"],
        nodes=1,
        opts=inside(depends_on=[database]),
    )
    door = {
        "node_name": NODE,
        "machine": land["machine"],
        "region": REGION,
        "address": NODE_ADDRESS,
        "port": 8080,
        "scheme": "http",
        "task_cap": 20 if updating else 10,
        "api_key_secret": administrator.api_key_secret,
        "leader": NODE,
        "members": {NODE: NODE_ADDRESS},
        "machines": {NODE: land["machine"]},
    }
    node = octopus.Node(
        "node",
        **door,  # type: ignore[arg-type]
        version=LATER if updating else VERSION,
        node_limit=administrator.node_limit,
        opts=inside(delete_before_replace=True),
    )
    if updating:
        octopus.QueueMember(
            "member",
            **door,  # type: ignore[arg-type]
            queue_address=land["queue"],
            queue_secret=land["token"],
            folder="C:\\Octopus\\Shared\\cluster",
            mount="mount.exe -o 'nolock' '\\\\files.witness\\files' '*'",
            opts=inside(depends_on=[node]),
        )


def write_data(home: Path, land: Mapping[str, str]) -> None:
    """Write into the cell's database what no crash may lose."""
    host = open_host(home=home, cell=CELL, cloud="aws", clock="stepped")
    password = host.secrets.read(land["administrator"])
    endpoint = Endpoint(dialer=host.dialer, server=land["server"], port=1433)
    with endpoint.opened(Identity(login="admin", password=password), DATABASE) as connection:
        connection.run("CREATE TABLE dbo.Projects (Id nvarchar(50) NOT NULL)")
        connection.run("INSERT INTO dbo.Projects (Id) VALUES (N'Projects-1')")
    host.close()
