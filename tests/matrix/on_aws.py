"""What a cell on AWS can be made of, and what is AWS' own of its walk."""

from __future__ import annotations

import json
from itertools import product
from typing import ClassVar

from walk import Combination, Stage, Walk

from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.deposits import create

ACCOUNT, REGION = "000000000000", "eu-west-1"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:octopus"
CERTIFICATE = "aws:acm/certificate:Certificate"
DOMAIN = "{domain: corp.example.com, organizationalUnit: OU=Octopus, joinSecret: octopus/joiner/user}"
DIRECTORY = "{secret: octopus/svc-acme/user, users: [svc-acme]}"


def combinations() -> list[Combination]:
    """Return all that are possible: Linux nodes mount shares of a domain over NFS only."""
    ways = product(("dedicated", "reef"), ("nfs", "smb"), ("windows", "linux"), ("per_node", "redis"))
    every = (Combination(placement=a, way=b, os=c, polling=d) for a, b, c, d in ways)
    return [one for one in every if one.words[:3] != ("reef", "smb", "linux")]


PAIRS = tuple(
    Combination(placement=words[0], way=words[1], os=words[2], polling=words[3])
    for words in (
        ("dedicated", "nfs", "linux", "redis"), ("dedicated", "smb", "windows", "per_node"),
        ("reef", "nfs", "linux", "per_node"), ("dedicated", "smb", "linux", "redis"),
        ("dedicated", "nfs", "windows", "redis"), ("reef", "smb", "windows", "redis"),
    )
)  # fmt: skip
"""With them any two options that can go together do."""


class AwsWalk(Walk):
    """Files by NFS or SMB; a cache grows by a disk, and a database host leaves a last snapshot."""

    package: ClassVar[str] = "aws"
    cloud: ClassVar[str] = "aws"
    region: ClassVar[str] = REGION
    throttled: ClassVar[str] = "aws:lb/*"
    third: ClassVar[str] = "acme-nodes-3-octopus"

    def prepare(self) -> tuple[str, str]:
        for user in ("joiner", "svc-acme"):
            value = json.dumps({"username": user, "password": f"secret of {user}"})
            self.control.put_secret(f"{SECRETS}/{user}/user", value)
        place = Tenancy(package="aws", account=ACCOUNT, region=REGION)
        pem = {"certificateBody": "-----BEGIN CERTIFICATE-----", "privateKey": "-----BEGIN PRIVATE KEY-----"}
        made = create(Database.open(self.root), place, CERTIFICATE, pem, self.control.now())
        return "", str(made.outputs["arn"])

    def cell_body(self, stage: Stage) -> list[str]:
        one = self.made_of
        named = f", certificate: '{stage.certificate}'" if stage.certificate else ""
        user = f", directory: {DIRECTORY}" if (one.placement, one.way) == ("reef", "smb") else ""
        # A cache that runs keeps its disk of 150 GiB and gets another.
        grown = ", cacheGiB: [150, 250]" if stage.size_gib > 750 and one.placement == "dedicated" else ""
        return [
            f"  storage: {{protocol: {one.way}, sizeGiB: {stage.size_gib}{user}{grown}}}",
            f"  ingress: {{polling: {one.polling}{named}}}",
        ]

    def reef_body(self, stage: Stage) -> list[str]:
        del stage
        domain = f", activeDirectory: {DOMAIN}" if self.made_of.way == "smb" else ""
        return [f"  storage: {{protocol: {self.made_of.way}{domain}}}"]

    def has_changed(self) -> None:
        listeners = self.of("aws:lb/listener:Listener", "certificateArn")
        assert self.certificates[1] in {str(one["certificateArn"]) for one in listeners}
        (host,) = self.of("aws:rds/instance:Instance", "instanceClass")
        assert host["instanceClass"] == "db.m6i.xlarge", host["instanceClass"]
        if self.made_of.placement == "dedicated":
            assert len([*self.of("aws:ebs/volume:Volume", "size")]) > 1

    def keeps(self, left: set[str]) -> None:
        assert left, "a final snapshot is kept"
