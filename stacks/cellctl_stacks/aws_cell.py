"""The program of one cell on AWS."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.clouds import AccountFacts, Cloud, Layout
from cellctl_components.aws.layout import AwsLayout
from cellctl_components.aws.resolve import layout as resolve


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a first cell: network, security groups, database, bucket, role, nodes, load balancer."""
    assert isinstance(layout, AwsLayout)
    plan = layout
    prov = aws.Provider("aws", region=plan.region, allowed_account_ids=[account.id])
    opts = pulumi.ResourceOptions(provider=prov)
    kept = pulumi.ResourceOptions(provider=prov, protect=True)
    vpc = aws.ec2.Vpc("network", cidr_block=plan.network.cidr, enable_dns_hostnames=True, opts=opts)
    subnets = {
        zone.letter: aws.ec2.Subnet(
            f"nodes-{zone.letter}", vpc_id=vpc.id, availability_zone=zone.name, cidr_block=zone.nodes, opts=opts
        )
        for zone in plan.network.zones
    }
    group = aws.ec2.SecurityGroup(
        "nodes", name=f"cell-{plan.cell}-nodes", description="nodes", vpc_id=vpc.id, opts=opts
    )
    places = aws.rds.SubnetGroup(
        "sql", name=plan.database.identifier, subnet_ids=[subnet.id for subnet in subnets.values()], opts=opts
    )
    db = aws.rds.Instance(
        "sql",
        identifier=plan.database.identifier,
        engine="sqlserver-se",
        engine_version="16.00",
        license_model="license-included",
        instance_class="db.m6i.xlarge",
        allocated_storage=200,
        storage_encrypted=True,
        multi_az=True,
        backup_retention_period=14,
        username="cellmaster",
        manage_master_user_password=True,
        final_snapshot_identifier=f"{plan.database.identifier}-final-{plan.incarnation}",
        deletion_protection=True,
        db_subnet_group_name=places.name,
        opts=kept,
    )
    bucket = aws.s3.Bucket("packages", bucket=plan.shares[0].bucket, opts=kept)
    aws.iam.Role("gateway", name=f"cell-{plan.cell}-gateway", assume_role_policy="{}", opts=opts)
    nodes = [
        aws.ec2.Instance(
            f"node-{node.ordinal}",
            ami="ami-00000000000000000",
            instance_type="m6i.large",
            subnet_id=subnets[node.zone].id,
            private_ip=node.address,
            vpc_security_group_ids=[group.id],
            opts=opts,
        )
        for node in plan.nodes.items
    ]
    balancer = aws.lb.LoadBalancer(
        "web",
        name=f"cell-{plan.cell}-web",
        internal=True,
        load_balancer_type="application",
        subnets=[subnet.id for subnet in subnets.values()],
        opts=opts,
    )
    pulumi.export("url", balancer.dns_name.apply(lambda name: f"https://{name}"))
    pulumi.export("node_addresses", [node.private_ip for node in nodes])
    pulumi.export("bucket", bucket.bucket)
    pulumi.export("sql", db.address)


CLOUD = Cloud(name="aws", layout=resolve, program=program, warm_up=("pulumi_aws",))
