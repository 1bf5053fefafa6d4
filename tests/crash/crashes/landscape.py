"""What the witness finds: a network with a way out, an appliance, a node's machine, a server, a queue, secrets, a role,
and in a subscription of Azure an account with a file share.

As little as the simulated network and the role policies accept; everything else is the witness's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cellctl.state.values import Struct
from cellctl_provider.protocol import Configure, Create, Created, Invoke
from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.deposits import create
from cellctl_sandbox.host import open_host
from cellctl_sandbox.inventory import APPLIANCE_IMAGE

ACCOUNT, REGION, ADDRESS = "111122223333", "eu-west-1", "10.64.0.10"
NODE, NODE_ADDRESS, VERSION = "witness-1", "10.64.0.21", "2026.4.7000"
USERNAME, EMAIL = "admin", "admin@example.com"
CELL = "witness"
BUCKET, FILES = "witness-files", "stwitness"
TOKEN = "first-Token-of-a-queue"
MARK = "land-"  # begins the logical name of what is there before the program
ALL = "0.0.0.0/0"
SETTLED_S = 7200.0
Make = Callable[..., Created]


def build_landscape(home: Path) -> dict[str, str]:
    """Make, in a fresh sandbox, what the witness finds there; return the names by which it refers to it."""
    host = open_host(home=home, cell=CELL, cloud="aws", clock="stepped")
    factory = host.providers()["aws"]
    assert isinstance(factory, CloudFactory)
    aws = factory()
    arguments: Struct = {"region": REGION, "allowedAccountIds": [ACCOUNT]}
    aws.configure(Configure(urn="p", name="p", type="p", id="p", variables={}, args=arguments))

    def make(kind: str, label: str = "", **inputs: object) -> Created:
        name = f"{MARK}{kind.rpartition(':')[2]}-{label or inputs.get('name', '')}"
        urn = f"urn:pulumi:cell-{CELL}::octopus-cells::{kind}::{name}"
        return aws.create(Create(urn=urn, properties=inputs, type=kind, name=name))  # type: ignore[arg-type]

    image = aws.invoke(Invoke(token="aws:ssm/getParameter:getParameter", args={"name": APPLIANCE_IMAGE}))
    vpc = make("aws:ec2/vpc:Vpc", cidrBlock="10.64.0.0/16", enableDnsSupport=True, enableDnsHostnames=True)
    subnet = _subnet_with_a_way_out(make, vpc.id)
    group = make(
        "aws:ec2/securityGroup:SecurityGroup",
        name="witness",
        vpcId=vpc.id,
        ingress=[_all_of("10.0.0.0/8")],
        egress=[_all_of(ALL)],
    ).id
    closed = make(  # to cellctl, which is elsewhere: the step that activates the gateway lets itself in
        "aws:ec2/securityGroup:SecurityGroup",
        name="appliance",
        vpcId=vpc.id,
        ingress=[_all_of("10.64.0.0/16")],
        egress=[_all_of(ALL)],
    ).id
    names = _server(make, subnet, group) | _queue(make, subnet, group)
    people = _people(make)
    hosts = {
        "vpc": vpc.id,
        "instance": _appliance(make, subnet, closed, image.result["value"]),
        "group": closed,
        "machine": _node(make, subnet, group, people["password"], names["token"]),
        "role": _gateway_role(make),
        "bucket": str(make("aws:s3/bucket:Bucket", bucket=BUCKET).properties["arn"]),
    }
    hosts["files"] = _file_share(host.database)
    host.sleep(SETTLED_S)  # no run waits for a machine that still boots
    host.close()
    return {**names, **people, **hosts}


def _file_share(database: Database) -> str:
    """Return the id of a storage account with a share, which no stack of cellctl has made."""
    place = unconfigured("azure-native")
    group = {"resourceGroupName": "rg-witness", "location": place.region}
    create(database, place, "azure-native:resources:ResourceGroup", {**group}, 0.0)
    kind = {"kind": "FileStorage", "sku": {"name": "Premium_ZRS"}}
    account = create(
        database, place, "azure-native:storage:StorageAccount", {**group, **kind, "accountName": FILES}, 0.0
    )
    inputs = {"resourceGroupName": "rg-witness", "accountName": FILES, "shareName": "files", "shareQuota": 100}
    create(database, place, "azure-native:storage:FileShare", {**inputs}, 0.0)
    return account.id


def _all_of(block: str) -> Struct:
    return {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": [block]}


def _subnet_with_a_way_out(make: Make, vpc: str) -> str:
    """Return a private subnet that reaches the internet through a NAT gateway in a public one."""
    internet = make("aws:ec2/internetGateway:InternetGateway", vpcId=vpc)
    public = _subnet(make, "public", vpc, "10.64.1.0/24", gatewayId=internet.id)
    address = make("aws:ec2/eip:Eip", domain="vpc")
    nat = make("aws:ec2/natGateway:NatGateway", subnetId=public, allocationId=address.id)
    return _subnet(make, "private", vpc, "10.64.0.0/24", natGatewayId=nat.id)


def _subnet(make: Make, label: str, vpc: str, block: str, **way: str) -> str:
    zone = f"{REGION}a"
    subnet = make("aws:ec2/subnet:Subnet", label, vpcId=vpc, cidrBlock=block, availabilityZone=zone)
    table = make("aws:ec2/routeTable:RouteTable", label, vpcId=vpc, routes=[{"cidrBlock": ALL, **way}])
    make("aws:ec2/routeTableAssociation:RouteTableAssociation", label, subnetId=subnet.id, routeTableId=table.id)
    return subnet.id


def _people(make: Make) -> dict[str, str]:
    """Return where the administrator's password is, and where the API key is to be."""
    password = make("aws:secretsmanager/secret:Secret", name="witness/administrator")
    make("aws:secretsmanager/secretVersion:SecretVersion", secretId=password.id, secretString="first-Password-1")
    key = make("aws:secretsmanager/secret:Secret", name="witness/api-key")
    return {"password": str(password.properties["arn"]), "api_key": str(key.properties["arn"])}


def _node(make: Make, subnet: str, group: str, password: str, token: str) -> str:
    """Return the machine of an Octopus node, which joins with task cap 0 and may read the token of the queue."""
    card = make(
        "aws:ec2/networkInterface:NetworkInterface",
        NODE,
        subnetId=subnet,
        privateIps=[NODE_ADDRESS],
        securityGroups=[group],
    )
    script = (
        f"<powershell>\nInvoke-Octopus admin --instance Default --username '{USERNAME}' --email '{EMAIL}' `\n"
        f"    --password (Read-Secret '{password}')\nInvoke-Octopus node --instance Default --taskCap=0\n</powershell>"
    )
    machine = make(
        "aws:ec2/instance:Instance",
        NODE,
        ami="ami-0123456789abcdef0",
        instanceType="m6i.xlarge",
        primaryNetworkInterface={"networkInterfaceId": card.id},
        iamInstanceProfile=_profile(make, token),
        userData=script,
        tags={"Name": NODE, "octopus-version": VERSION},
    )
    return machine.id


def _appliance(make: Make, subnet: str, group: str, image: object) -> str:
    """Return the machine of the file gateway, with its cache disk."""
    card = make(
        "aws:ec2/networkInterface:NetworkInterface", subnetId=subnet, privateIps=[ADDRESS], securityGroups=[group]
    )
    instance = make(
        "aws:ec2/instance:Instance",
        ami=image,
        instanceType="m6i.xlarge",
        primaryNetworkInterface={"networkInterfaceId": card.id},
    )
    disk = make("aws:ebs/volume:Volume", availabilityZone=f"{REGION}a", size=150, type="gp3")
    make("aws:ec2/volumeAttachment:VolumeAttachment", deviceName="/dev/sdb", instanceId=instance.id, volumeId=disk.id)
    return instance.id


def _profile(make: Make, token: str) -> str:
    """Return the profile with which the node's machine reads the token of the queue."""
    allowed = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": token}
    role = _role(make, "witness-node", "ec2.amazonaws.com", allowed)
    return make("aws:iam/instanceProfile:InstanceProfile", name="witness-node", path="/", role=role.id).id


def _gateway_role(make: Make) -> str:
    """Return the ARN of the role with which the gateway reads and writes the bucket."""
    bucket = f"arn:aws:s3:::{BUCKET}"
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": [bucket, f"{bucket}/*"]}
    return str(_role(make, "witness", "storagegateway.amazonaws.com", allowed).properties["arn"])


def _role(make: Make, name: str, service: str, allowed: object) -> Created:
    """Return a role that a service may take, and what it may do."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    role = make("aws:iam/role:Role", name=name, path="/", assumeRolePolicy=_policy(trust))
    make("aws:iam/rolePolicy:RolePolicy", name=name, role=role.id, policy=_policy(allowed))
    return role


def _policy(statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _server(make: Make, subnet: str, group: str) -> dict[str, str]:
    """Return the address of a database server and the names of its administrator's and of other secrets."""
    key = make("aws:secretsmanager/secret:Secret", name="witness/key")
    login = make("aws:secretsmanager/secret:Secret", name="witness/login")
    subnets = make("aws:rds/subnetGroup:SubnetGroup", name="witness", subnetIds=[subnet])
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
        dbSubnetGroupName=subnets.id,
        vpcSecurityGroupIds=[group],
    )
    secrets = server.properties["masterUserSecrets"]
    return {
        "secret": str(key.properties["arn"]),
        "login": str(login.properties["arn"]),
        "server": str(server.properties["address"]),
        "administrator": str(secrets[0]["secretArn"]),  # type: ignore[index,call-overload]
    }


def _queue(make: Make, subnet: str, group: str) -> dict[str, str]:
    """Return the address of a queue that nodes can share, and the ARN of its token's secret."""
    token = make("aws:secretsmanager/secret:Secret", name="witness/queue")
    make("aws:secretsmanager/secretVersion:SecretVersion", secretId=token.id, secretString=TOKEN)
    subnets = make("aws:elasticache/subnetGroup:SubnetGroup", name="witness", subnetIds=[subnet])
    queue = make(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        replicationGroupId="witness",
        engine="valkey",
        engineVersion="8.0",
        nodeType="cache.t4g.medium",
        subnetGroupName=subnets.id,
        securityGroupIds=[group],
        transitEncryptionEnabled=True,
        authToken=TOKEN,
    )
    address = f"{queue.properties['primaryEndpointAddress']}:6379"
    return {"queue": address, "token": str(token.properties["arn"])}
