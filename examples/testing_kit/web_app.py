"""A small web application on AWS: a network, a bucket for its files, a database. Nothing of cellctl is in it."""

import pulumi
from pulumi_aws import ec2, rds, s3


def program() -> None:
    """Declare everything; what a Pulumi program's `__main__.py` would do."""
    config = pulumi.Config()
    vpc = ec2.Vpc("net", cidr_block="10.0.0.0/16", tags={"team": "shop"})
    subnets = [
        ec2.Subnet(f"db-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=f"eu-west-1{zone}")
        for index, zone in enumerate("ab")
    ]
    assets = s3.Bucket("assets", tags={"team": "shop"})
    group = rds.SubnetGroup("db", subnet_ids=[subnet.id for subnet in subnets])
    database = rds.Instance(
        "orders",
        engine="postgres",
        engine_version=config.get("engineVersion") or "16.3",
        instance_class="db.t4g.medium",
        allocated_storage=20,
        storage_encrypted=config.get_bool("encrypted") or False,
        username="shop",
        password=config.require_secret("password"),
        db_subnet_group_name=group.name,
        skip_final_snapshot=True,
    )
    pulumi.export("bucket", assets.bucket)
    pulumi.export("database", database.endpoint)
