"""The policy pack: each policy lets a good cell pass and refuses one that breaks it; exceptions end."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime

import pytest

from cellctl.facts.policies import Policy, policies
from cellctl.guard import Case, PolicyException, judge
from cellctl.plan import Declared, Plan
from cellctl.state.values import UNKNOWN, Struct, Value

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
BUCKET = "aws:s3/bucket:Bucket"
GOOD: dict[str, dict[str, Struct]] = {
    "aws": {
        "aws:rds/instance:Instance": {
            "storageEncrypted": True,
            "kmsKeyId": UNKNOWN,
            "publiclyAccessible": False,
            "backupRetentionPeriod": 7,
            "skipFinalSnapshot": False,
        },
        "aws:elasticache/replicationGroup:ReplicationGroup": {
            "atRestEncryptionEnabled": True,
            "kmsKeyId": UNKNOWN,
            "transitEncryptionEnabled": True,
            "authToken": UNKNOWN,
        },
        "aws:ebs/volume:Volume": {"encrypted": True, "kmsKeyId": UNKNOWN},
        "aws:ec2/instance:Instance": {
            "rootBlockDevice": {"encrypted": True},
            "metadataOptions": {"httpTokens": "required"},
        },
        BUCKET: {"bucket": "b-1", "forceDestroy": False},
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
            "bucket": UNKNOWN,
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}],
        },
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        "aws:s3/bucketVersioning:BucketVersioning": {"versioningConfiguration": {"status": "Enabled"}},
        "aws:storagegateway/nfsFileShare:NfsFileShare": {
            "kmsEncrypted": True,
            "kmsKeyArn": UNKNOWN,
            "clientLists": ["192.0.2.1/32"],
        },
        "aws:storagegateway/smbFileShare:SmbFileShare": {"kmsEncrypted": True, "kmsKeyArn": UNKNOWN},
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"cidrIpv4": "10.0.0.0/8"},
        "aws:ec2/securityGroup:SecurityGroup": {"ingress": [{"cidrBlocks": ["10.0.0.0/8"]}]},
        "aws:lb/listener:Listener": {
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "defaultActions": [{"type": "forward"}],
        },
        "aws:rds/parameterGroup:ParameterGroup": {
            "family": "sqlserver-se-16.0",
            "parameters": [{"name": "x", "value": "0"}, {"name": "rds.force_ssl", "value": "1"}],
        },
        "pulumi:providers:aws": {"defaultTags": '{"tags": {"cell": "acme"}}'},
    },
    "azure": {
        "azure-native:compute:VirtualMachine": {"securityProfile": {"encryptionAtHost": True}},
        "azure-native:storage:FileServiceProperties": {
            "protocolSettings": {"smb": {"channelEncryption": "AES-256-GCM;AES-128-GCM;", "versions": "SMB3.1.1;"}},
            "shareDeleteRetentionPolicy": {"days": 14, "enabled": True},
        },
        "azure-native:storage:StorageAccount": {
            "publicNetworkAccess": "Disabled",
            "networkRuleSet": {"defaultAction": "Deny"},
            "minimumTlsVersion": "TLS1_2",
            "enableHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "tags": {"cellctl:cell": "acme"},
        },
        "azure-native:sql:Server": {
            "publicNetworkAccess": "Disabled",
            "minimalTlsVersion": "1.2",
            "tags": {"cellctl:cell": "acme"},
        },
        "azure-native:keyvault:Vault": {
            "properties": {"publicNetworkAccess": "Disabled", "enablePurgeProtection": True}
        },
        "azure-native:network:NetworkSecurityGroup": {
            "securityRules": [
                {"access": "Allow", "direction": "Inbound", "sourceAddressPrefix": "AzureLoadBalancer"},
                {"access": "Deny", "direction": "Inbound", "sourceAddressPrefix": "*"},
                {"access": "Allow", "direction": "Inbound", "sourceAddressPrefixes": ["10.0.0.0/8"]},
            ],
        },
        "azure-native:network:SecurityRule": {
            "access": "Allow",
            "direction": "Inbound",
            "sourceAddressPrefix": "10.0.0.0/8",
        },
        "azure-native:network:ApplicationGateway": {
            "sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20220101S"},
            "httpListeners": [{"protocol": "Https"}],
            "backendHttpSettingsCollection": [{"protocol": "Https"}],
        },
        "azure-native:sql:BackupShortTermRetentionPolicy": {"retentionDays": 7},
    },
}
BROKEN: list[tuple[str, str, str, str, Value]] = [
    ("aws", "encryption", "aws:rds/instance:Instance", "storageEncrypted", False),
    ("aws", "encryption", "aws:rds/instance:Instance", "kmsKeyId", None),
    ("aws", "encryption", "aws:elasticache/replicationGroup:ReplicationGroup", "atRestEncryptionEnabled", None),
    ("aws", "tls", "aws:elasticache/replicationGroup:ReplicationGroup", "transitEncryptionEnabled", False),
    ("aws", "tls", "aws:elasticache/replicationGroup:ReplicationGroup", "authToken", None),
    ("aws", "encryption", "aws:ebs/volume:Volume", "encrypted", None),
    ("aws", "encryption", "aws:ec2/instance:Instance", "rootBlockDevice.encrypted", False),
    (
        "aws",
        "encryption",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "rules",
        [],
    ),
    ("aws", "encryption", "aws:storagegateway/nfsFileShare:NfsFileShare", "kmsEncrypted", False),
    ("aws", "encryption", "aws:storagegateway/smbFileShare:SmbFileShare", "kmsKeyArn", None),
    ("aws", "public_access", "aws:rds/instance:Instance", "publiclyAccessible", True),
    ("aws", "public_access", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicPolicy", False),
    ("aws", "public_access", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", "0.0.0.0/0"),
    ("aws", "public_access", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv6", "::/0"),
    ("aws", "public_access", "aws:ec2/securityGroup:SecurityGroup", "ingress", [{"cidrBlocks": ["0.0.0.0/0"]}]),
    ("aws", "public_access", "aws:storagegateway/nfsFileShare:NfsFileShare", "clientLists", ["10.0.0.1", "0.0.0.0/0"]),
    ("aws", "public_access", "aws:ec2/instance:Instance", "metadataOptions.httpTokens", "optional"),
    ("aws", "tls", "aws:lb/listener:Listener", "sslPolicy", "ELBSecurityPolicy-2016-08"),
    ("aws", "tls", "aws:lb/listener:Listener", "protocol", "HTTP"),
    ("aws", "tls", "aws:rds/parameterGroup:ParameterGroup", "parameters", [{"name": "rds.force_ssl", "value": "0"}]),
    ("aws", "tls", "aws:rds/parameterGroup:ParameterGroup", "parameters", None),
    ("aws", "retention", "aws:rds/instance:Instance", "backupRetentionPeriod", 6),
    ("aws", "retention", "aws:rds/instance:Instance", "backupRetentionPeriod", None),
    ("aws", "retention", "aws:rds/instance:Instance", "skipFinalSnapshot", True),
    ("aws", "retention", "aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration.status", "Suspended"),
    ("aws", "retention", BUCKET, "forceDestroy", True),
    ("aws", "tags", "pulumi:providers:aws", "defaultTags", None),
    ("azure", "encryption", "azure-native:compute:VirtualMachine", "securityProfile.encryptionAtHost", None),
    (
        "azure",
        "encryption",
        "azure-native:storage:FileServiceProperties",
        "protocolSettings.smb.versions",
        "SMB2.1;SMB3.1.1;",
    ),
    ("azure", "public_access", "azure-native:storage:StorageAccount", "publicNetworkAccess", "Enabled"),
    ("azure", "public_access", "azure-native:storage:StorageAccount", "allowBlobPublicAccess", True),
    ("azure", "public_access", "azure-native:sql:Server", "publicNetworkAccess", None),
    ("azure", "public_access", "azure-native:keyvault:Vault", "properties.publicNetworkAccess", "enabled"),
    ("azure", "public_access", "azure-native:network:NetworkSecurityGroup", "securityRules.0.sourceAddressPrefix", "*"),
    (
        "azure",
        "public_access",
        "azure-native:network:NetworkSecurityGroup",
        "securityRules.2.sourceAddressPrefixes",
        ["10.0.0.0/8", "0.0.0.0/0"],
    ),
    ("azure", "public_access", "azure-native:network:SecurityRule", "sourceAddressPrefix", "Internet"),
    ("azure", "public_access", "azure-native:network:SecurityRule", "sourceAddressPrefixes", ["::/0"]),
    ("azure", "tls", "azure-native:storage:StorageAccount", "minimumTlsVersion", "TLS1_0"),
    ("azure", "tls", "azure-native:network:ApplicationGateway", "sslPolicy.policyName", "AppGwSslPolicy20150501"),
    ("azure", "tls", "azure-native:network:ApplicationGateway", "sslPolicy", {}),
    ("azure", "tls", "azure-native:network:ApplicationGateway", "httpListeners.0.protocol", "Http"),
    ("azure", "tls", "azure-native:network:ApplicationGateway", "backendHttpSettingsCollection.0.protocol", "Http"),
    ("azure", "tls", "azure-native:sql:Server", "minimalTlsVersion", "None"),
    ("azure", "retention", "azure-native:sql:BackupShortTermRetentionPolicy", "retentionDays", 3),
    ("azure", "retention", "azure-native:storage:FileServiceProperties", "shareDeleteRetentionPolicy.enabled", False),
    ("azure", "retention", "azure-native:keyvault:Vault", "properties.enablePurgeProtection", None),
    ("azure", "tags", "azure-native:storage:StorageAccount", "tags", {}),
    ("azure", "tags", "azure-native:sql:Server", "tags", None),
]


def declared(cloud: str, **changed: object) -> list[Declared]:
    """Return a good cell, with (type, path, value) as `changed`."""
    bodies = copy.deepcopy(GOOD[cloud])
    if changed:
        place: Value = bodies[str(changed["type_"])]
        *parts, last = str(changed["path"]).split(".")
        for part in parts:
            place = place[int(part)] if isinstance(place, list) else place[part]  # type: ignore[index,call-overload]
        place[last] = changed["value"]  # type: ignore[index,call-overload]
    return [
        Declared(urn=f"urn::{type_}::x", type=type_, name="x", parent="p", inputs=body)
        for type_, body in bodies.items()
    ]


def codes(cloud: str, items: list[Declared], **more: object) -> list[str]:
    plan = Plan(cell="acme", cloud=cloud, account="sandbox", operation="up", changes=())
    return [item.code for item in judge(plan, Case(declared=items, now=NOW, **more))]  # type: ignore[arg-type]


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_a_good_cell_passes_and_every_policy_is_broken_below(cloud: str) -> None:
    assert codes(cloud, declared(cloud)) == []
    assert codes(cloud, []) == []
    broken = {(code, type_) for one, code, type_, _, _ in BROKEN if one == cloud}

    def covered(policy: Policy) -> bool:
        return (policy.code, policy.type) in broken or (policy.code, policy.beside) in broken

    assert [policy for policy in policies(cloud) if not covered(policy)] == []


@pytest.mark.parametrize(("cloud", "code", "type_", "path", "value"), BROKEN)
def test_what_breaks_a_policy_is_refused_and_may_be_overridden(
    cloud: str, code: str, type_: str, path: str, value: Value
) -> None:
    items = declared(cloud, type_=type_, path=path, value=value)
    assert codes(cloud, items) == [f"policy_{code}"]
    assert codes(cloud, items, override=frozenset({f"policy_{code}"})) == []
    assert codes(cloud, items, override=frozenset({"frozen"})) == [f"policy_{code}"]


@pytest.mark.parametrize(("cloud", "code", "type_", "path"), sorted({row[:4] for row in BROKEN if row[4] is not None}))
def test_what_is_not_known_yet_is_not_judged(cloud: str, code: str, type_: str, path: str) -> None:
    if type(GOOD[cloud][type_].get(path)) not in (list, dict):
        assert codes(cloud, declared(cloud, type_=type_, path=path, value=UNKNOWN)) == []


def test_a_bucket_is_not_excused_by_the_resources_of_another() -> None:
    other = Declared(urn="urn::other", type=BUCKET, name="other", parent="p", inputs={"bucket": "b-2"})
    assert codes("aws", [*declared("aws"), other]) == ["policy_encryption", "policy_public_access", "policy_retention"]
    named: Struct = {"bucket": "b-2", "versioningConfiguration": {"status": "Enabled"}}
    versions = Declared(urn="u", type="aws:s3/bucketVersioning:BucketVersioning", name="v", parent="q", inputs=named)
    assert codes("aws", [*declared("aws"), other, versions]) == ["policy_encryption", "policy_public_access"]


def test_an_exception_holds_for_what_it_names_until_its_last_day() -> None:
    items = declared("aws", type_="aws:rds/instance:Instance", path="backupRetentionPeriod", value=1)
    one = PolicyException(policy="retention", owner="team-x", until=date(2026, 11, 28), type="aws:rds/*", cell="ac*")
    assert codes("aws", items, exceptions=[one]) == []
    plan = Plan(cell="bert", cloud="aws", account="sandbox", operation="up", changes=())
    assert [item.code for item in judge(plan, Case(declared=items, exceptions=[one], now=NOW))] == ["policy_retention"]
    (said,) = judge(
        Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=()),
        Case(declared=items, exceptions=[one], now=NOW + 86400),
    )
    assert "the exception of team-x ended on 2026-11-28" in said.reason
    assert (said.flag, "spec.database.retentionDays" in said.remedy) == ("--override policy_retention", True)
