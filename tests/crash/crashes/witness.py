"""The witness: a program of eleven resources that holds each kind of step, and what it finds around it.

Component, two explicit providers, secret, read, every type of provider `cellctl`, what holds data; `update` changes in
place, adds and drops; `replace` replaces with the new object first, with the old one first, and what depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws
from pulumi_aws import ec2, s3, sns, storagegateway

from cellctl.spec import CellSpec
from cellctl.sqlserver.connection import Endpoint, Identity
from cellctl.state.values import Struct
from cellctl_components import resources as cellctl
from cellctl_provider.protocol import Configure, Create, Created, Invoke
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.host import open_host
from cellctl_sandbox.inventory import APPLIANCE_IMAGE

ACCOUNT, REGION, ADDRESS = "111122223333", "eu-west-1", "10.64.0.10"
CELL = "witness"
DATABASE = "octo_witness_g1"
MARK = "land-"  # begins the logical name of what is there before the program
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

    def layout(self, spec: CellSpec, *, incarnation: int = 1) -> WitnessLayout:
        return WitnessLayout(cell=CELL, variation=spec.metadata.labels.get("variation", "base"))

    def program(self, layout: WitnessLayout, account: object) -> None:
        declare(layout.variation, self._landscape)


class Part(pulumi.ComponentResource):
    """The component that holds everything."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("crash:index:Part", name, None, opts)


def declare(variation: str, land: Mapping[str, str]) -> None:
    """Declare the witness."""
    updating, replacing = variation == "update", variation == "replace"
    aws = pulumi_aws.Provider("aws", region=REGION, allowed_account_ids=[ACCOUNT])
    steps = cellctl.Provider("steps", aws_account=ACCOUNT)
    part = Part("part", pulumi.ResourceOptions(providers=[aws, steps]))

    def inside(**more: object) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=part, **more)  # type: ignore[arg-type]

    ec2.Vpc.get("network", land["vpc"], opts=inside())
    key = cellctl.MasterKey("key", region=REGION, secret_id=land["secret"], opts=inside())
    cellctl.CellDatabase(
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
        gateway_name="witness",
        cache_sizes_gib=[150],
        capacity="Medium" if updating else "Small",
        opts=inside(),
    )
    tags = {"owner": "b" if updating else "a"}
    bucket = s3.Bucket("files", bucket="witness-files", tags=tags, opts=inside(protect=True))
    share = storagegateway.NfsFileShare(
        "share",
        file_share_name="files",
        gateway_arn=gateway.gateway_arn,
        location_arn=bucket.arn,
        role_arn=land["role"],
        client_lists=[cellctl.NOBODY],
        vpc_endpoint_dns_name="other.example.com" if replacing else None,
        opts=inside(ignore_changes=["clientLists"], delete_before_replace=True),
    )
    clients = ["10.64.1.1", "10.64.1.2"] if updating else ["10.64.1.1"]
    cellctl.ShareAccess("access", region=REGION, share_arn=share.arn, protocol="nfs", clients=clients, opts=inside())
    sns.Topic(
        "bells" if updating else "alarms",
        name={"update": "witness-3", "replace": "witness-2"}.get(variation, "witness-1"),
        display_name=pulumi.Output.secret("swordfish"),
        opts=inside(),
    )
    pulumi.export("share", share.arn)


# ---- what is there before the program
def build_landscape(home: Path) -> dict[str, str]:
    """Make, in a fresh sandbox, what the witness finds there; return the names by which it refers to it."""
    host = open_host(home=home, cell=CELL, cloud="aws", clock="stepped")
    factory = host.providers()["aws"]
    assert isinstance(factory, CloudFactory)
    aws = factory()
    arguments: Struct = {"region": REGION, "allowedAccountIds": [ACCOUNT]}
    aws.configure(Configure(urn="p", name="p", type="p", id="p", variables={}, args=arguments))

    def make(kind: str, **inputs: object) -> Created:
        label = f"{MARK}{kind.rpartition(':')[2]}-{inputs.get('name', '')}"
        urn = f"urn:pulumi:cell-{CELL}::land::{kind}::{label}"
        return aws.create(Create(urn=urn, properties=inputs, type=kind, name=label))  # type: ignore[arg-type]

    image = aws.invoke(Invoke(token="aws:ssm/getParameter:getParameter", args={"name": APPLIANCE_IMAGE}))
    zone = f"{REGION}a"
    vpc = make("aws:ec2/vpc:Vpc", cidrBlock="10.64.0.0/16")
    subnet = make("aws:ec2/subnet:Subnet", vpcId=vpc.id, cidrBlock="10.64.0.0/24", availabilityZone=zone)
    card = make("aws:ec2/networkInterface:NetworkInterface", subnetId=subnet.id, privateIps=[ADDRESS])
    instance = make(
        "aws:ec2/instance:Instance",
        ami=image.result["value"],
        instanceType="m6i.xlarge",
        primaryNetworkInterface={"networkInterfaceId": card.id},
    )
    disk = make("aws:ebs/volume:Volume", availabilityZone=zone, size=150, type="gp3")
    make("aws:ec2/volumeAttachment:VolumeAttachment", deviceName="/dev/sdb", instanceId=instance.id, volumeId=disk.id)
    role = make("aws:iam/role:Role", name="witness", assumeRolePolicy="{}")
    key = make("aws:secretsmanager/secret:Secret", name="witness/key")
    login = make("aws:secretsmanager/secret:Secret", name="witness/login")
    server = make(
        "aws:rds/instance:Instance",
        identifier="witness",
        engine="sqlserver-se",
        engineVersion="16.00.4185.3.v1",
        instanceClass="db.m6i.xlarge",
        allocatedStorage=200,
        username="admin",
        manageMasterUserPassword=True,
        skipFinalSnapshot=True,
        licenseModel="license-included",
    )
    host.close()
    secrets = server.properties["masterUserSecrets"]
    return {
        "vpc": vpc.id,
        "instance": instance.id,
        "role": str(role.properties["arn"]),
        "secret": str(key.properties["arn"]),
        "login": str(login.properties["arn"]),
        "server": str(server.properties["address"]),
        "administrator": str(secrets[0]["secretArn"]),  # type: ignore[index,call-overload]
    }


def write_data(home: Path, land: Mapping[str, str]) -> None:
    """Write into the cell's database what no crash may lose."""
    host = open_host(home=home, cell=CELL, cloud="aws", clock="stepped")
    password = host.secrets.read(land["administrator"])
    endpoint = Endpoint(dialer=host.dialer, server=land["server"], port=1433)
    with endpoint.opened(Identity(login="admin", password=password), DATABASE) as connection:
        connection.run("CREATE TABLE dbo.Projects (Id nvarchar(50) NOT NULL)")
        connection.run("INSERT INTO dbo.Projects (Id) VALUES (N'Projects-1')")
    host.close()
