"""The policy pack over what is in a simulated account once a cell is up: all of it holds, and each breach is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from prepared.home import RunningHome

from cellctl.facts.policies import policies
from cellctl.guard import Case, judge
from cellctl.plan import Declared, Plan
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.view import records

FILES = "azure-native:storage:FileServiceProperties"
GROUP = "azure-native:network:NetworkSecurityGroup"
BREACHES: dict[str, list[tuple[str, str, str, object]]] = {
    "azure": [
        ("public_access", "azure-native:sql:Server", "publicNetworkAccess", "Enabled"),
        ("tls", "azure-native:sql:Server", "minimalTlsVersion", "1.0"),
        ("tags", "azure-native:sql:Server", "tags", {}),
        ("public_access", "azure-native:storage:StorageAccount", "publicNetworkAccess", "Enabled"),
        ("public_access", "azure-native:storage:StorageAccount", "networkRuleSet.defaultAction", "Allow"),
        ("public_access", "azure-native:storage:StorageAccount", "allowBlobPublicAccess", True),
        ("tls", "azure-native:storage:StorageAccount", "minimumTlsVersion", "TLS1_0"),
        ("tags", "azure-native:storage:StorageAccount", "tags", {}),
        ("encryption", FILES, "protocolSettings.smb.versions", "SMB3.0;SMB3.1.1;"),
        ("encryption", FILES, "protocolSettings.smb.channelEncryption", "AES-128-CCM;"),
        ("retention", FILES, "shareDeleteRetentionPolicy.enabled", False),
        ("public_access", "azure-native:keyvault:Vault", "properties.publicNetworkAccess", "Enabled"),
        ("retention", "azure-native:keyvault:Vault", "properties.enablePurgeProtection", False),
        ("retention", "azure-native:sql:BackupShortTermRetentionPolicy", "retentionDays", 3),
        ("public_access", GROUP, "securityRules.0.sourceAddressPrefixes", ["10.0.0.0/8", "0.0.0.0/0"]),
        ("public_access", GROUP, "securityRules.0.sourceAddressPrefix", "Internet"),
        ("encryption", "azure-native:compute:VirtualMachine", "securityProfile.encryptionAtHost", False),
    ],
    "aws": [
        ("encryption", "aws:rds/instance:Instance", "storageEncrypted", False),
        ("public_access", "aws:rds/instance:Instance", "publiclyAccessible", True),
        ("retention", "aws:rds/instance:Instance", "backupRetentionPeriod", 1),
        ("encryption", "aws:ebs/volume:Volume", "encrypted", False),
        ("encryption", "aws:ec2/instance:Instance", "rootBlockDevice.encrypted", False),
        ("public_access", "aws:ec2/instance:Instance", "metadataOptions.httpTokens", "optional"),
        ("public_access", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicPolicy", False),
        ("retention", "aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration.status", "Suspended"),
        ("public_access", "aws:storagegateway/nfsFileShare:NfsFileShare", "clientLists", ["0.0.0.0/0"]),
        ("encryption", "aws:storagegateway/nfsFileShare:NfsFileShare", "kmsEncrypted", False),
        ("public_access", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", "0.0.0.0/0"),
        ("tls", "aws:rds/parameterGroup:ParameterGroup", "parameters", []),
    ],
}

UNTOUCHED = {"aws:s3/bucket:Bucket", "aws:lb/listener:Listener", "aws:ec2/securityGroup:SecurityGroup"}
"""Of a bucket policies look at what is beside it; those of the others are broken in tests/unit/test_policies.py."""


def there(home: RunningHome) -> list[Declared]:
    """Return every object of the cell in the simulated account, as a program would have declared it."""
    found = [one for one in records(Database.open(home.root)) if one.cell == "acme" and one.gone_s is None]
    return [
        Declared(
            urn=one.urn, type=one.type, name=one.urn.rpartition("::")[2],
            parent=one.urn.rpartition("$")[0].rpartition("::")[2], inputs=one.properties(),
        )
        for one in found
    ]  # fmt: skip


def broken(cloud: str, objects: Iterable[Declared]) -> list[str]:
    """Return what is objected to, a code for each object."""
    plan = Plan(cell="acme", cloud=cloud, account="sandbox", operation="up", changes=())
    return [item.code for item in judge(plan, Case(declared=list(objects), now=0.0))]


@pytest.mark.parametrize("cloud", BREACHES)
def test_what_a_cell_has_in_its_account_keeps_every_policy_and_each_breach_is_seen(
    cloud: str, running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home(cloud, tmp_path)
    objects = there(home)
    assert broken(cloud, objects) == []
    judged = {policy.type for policy in policies(cloud)} & {item.type for item in objects}
    assert judged <= {type_ for _, type_, _, _ in BREACHES[cloud]} | UNTOUCHED, "a policy without a breach"
    for code, type_, path, value in BREACHES[cloud]:
        victim = next(item for item in objects if item.type == type_)
        before = next(one for one in records(Database.open(home.root)) if one.urn == victim.urn and one.gone_s is None)
        home.control.edit(victim.urn, path, value)
        assert broken(cloud, there(home)) == [f"policy_{code}"], (type_, path)
        key = path.partition(".")[0]
        home.control.edit(victim.urn, key, before.properties().get(key))
        assert broken(cloud, there(home)) == [], (type_, path)
