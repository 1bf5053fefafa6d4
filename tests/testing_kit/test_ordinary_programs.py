"""Programs as tutorials have them: a site in a bucket, machines in a network, an application with storage."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest
from pulumi_aws import ec2, s3
from pulumi_azure_native import resources, storage, web

from cellctl_sandbox.testing import OperationFailed, PulumiSandbox


def site() -> None:
    """A static site that everybody reads."""
    bucket = s3.Bucket("site")
    configured = s3.BucketWebsiteConfiguration("site", bucket=bucket.id, index_document={"suffix": "index.html"})
    access = s3.BucketPublicAccessBlock("site", bucket=bucket.id, block_public_policy=False)
    s3.BucketObject("index", bucket=bucket.id, key="index.html", content="<h1>hello</h1>", content_type="text/html")
    reading = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    policy = bucket.arn.apply(lambda arn: json.dumps({"Statement": [{**reading, "Resource": f"{arn}/*"}]}))
    s3.BucketPolicy("site", bucket=bucket.id, policy=policy, opts=pulumi.ResourceOptions(depends_on=[access]))
    pulumi.export("where", configured.website_endpoint)


def machines() -> None:
    """A network in two zones with a machine in each that the internet reaches."""
    network = ec2.Vpc("main", cidr_block="10.0.0.0/16")
    gateway = ec2.InternetGateway("main", vpc_id=network.id)
    table = ec2.RouteTable("main", vpc_id=network.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}])
    opened = {"protocol": "tcp", "from_port": 80, "to_port": 80, "cidr_blocks": ["0.0.0.0/0"]}
    group = ec2.SecurityGroup("web", vpc_id=network.id, ingress=[opened])
    key = ec2.KeyPair("web", public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me")
    image = ec2.get_ami(most_recent=True, owners=["amazon"], filters=[{"name": "name", "values": ["al2023-*"]}])
    for number, zone in enumerate(aws.get_availability_zones(state="available").names[:2]):
        subnet = ec2.Subnet(
            f"web-{number}", vpc_id=network.id, cidr_block=f"10.0.{number}.0/24", availability_zone=zone,
            map_public_ip_on_launch=True,
        )  # fmt: skip
        ec2.RouteTableAssociation(f"web-{number}", subnet_id=subnet.id, route_table_id=table.id)
        machine = ec2.Instance(
            f"web-{number}", ami=image.id, instance_type="t3.micro", subnet_id=subnet.id, key_name=key.key_name,
            vpc_security_group_ids=[group.id],
        )  # fmt: skip
        pulumi.export("where", machine.public_ip)


def application() -> None:
    """A web application with a container for files; only the group says where."""
    group = resources.ResourceGroup("shop", location="northeurope")
    named = {"resource_group_name": group.name}
    account = storage.StorageAccount("files", kind="StorageV2", sku={"name": "Standard_LRS"}, **named)
    storage.BlobContainer("pictures", account_name=account.name, **named)
    plan = web.AppServicePlan("shop", kind="Linux", reserved=True, sku={"name": "B1", "tier": "Basic"}, **named)
    setting = {"name": "FILES", "value": account.primary_endpoints.blob}
    app = web.WebApp("shop", server_farm_id=plan.id, https_only=True, site_config={"app_settings": [setting]}, **named)
    pulumi.export("where", app.default_host_name)


@pytest.mark.parametrize(
    ("program", "where"),
    [
        (site, r"site-[0-9a-f]{7}\.s3-website\.eu-north-1\.amazonaws\.com"),
        (machines, r"198\.51\.100\.1\d\d"),
        (application, r"shop[0-9a-f]{8}\.azurewebsites\.net"),
    ],
)
def test_it_comes_up_stays_and_goes(pulumi_sandbox: PulumiSandbox, program: Callable[[], None], where: str) -> None:
    stack = pulumi_sandbox.stack("dev", program, config={"aws:region": "eu-north-1"})
    found = stack.up().outputs["where"]
    assert re.fullmatch(where, str(found)), found
    stack.assert_stable()
    stack.destroy()
    stack.assert_nothing_left()


def test_mistakes_are_told_as_the_cloud_tells_them(pulumi_sandbox: PulumiSandbox) -> None:
    def wrong(declare: Callable[[], object]) -> str:
        with pytest.raises(OperationFailed) as told:
            pulumi_sandbox.stack("dev", lambda: declare() and None).up()
        return str(told.value)

    assert "name: 'sg-" in wrong(lambda: ec2.SecurityGroup("sg"))  # a name that AWS keeps for itself
    assert "VpcNotFound: 'vpc-0'" in wrong(lambda: ec2.Subnet("a", vpc_id="vpc-0", cidr_block="10.0.0.0/24"))
    assert "indexDocument exclude each other" in wrong(
        lambda: s3.BucketWebsiteConfiguration(
            "a", bucket="b", index_document={"suffix": "i"}, redirect_all_requests_to={"host_name": "h"}
        )
    )
    plan = "/subscriptions/0/resourceGroups/none/providers/Microsoft.Web/serverfarms/none"
    assert "none" in wrong(lambda: web.WebApp("a", resource_group_name="none", server_farm_id=plan))
