"""What one AWS cell declares: types, parents, providers, protection, wiring, order and secrets."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cellctl import facts
from cellctl.clouds import AccountFacts, load
from cellctl.facts.imports import kinds
from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.aws import firewall
from cellctl_components.aws.bootstrap import USER_DATA_LIMIT
from cellctl_components.aws.layout import AwsLayout
from cellctl_components.aws.resolve import layout

if TYPE_CHECKING:
    from conftest import Recording, Registered

ROOT = Path(__file__).parents[3]
ACCOUNT = AccountFacts(id="123456789012", sandbox=True)


def plan_of(**body: object) -> AwsLayout:
    given = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **body}
    return layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": given}))


_made: dict[str, Recording] = {}


@pytest.fixture
def cell(record: Callable[[Callable[[], None]], Recording]) -> Callable[..., Recording]:
    """Return a function that records a cell; equal cells are recorded once."""

    def run(account: AccountFacts = ACCOUNT, **body: object) -> Recording:
        key = json.dumps([body, account.role], sort_keys=True)
        if key not in _made:
            _made[key] = record(lambda: load("aws").program(plan_of(**body), account))
        return _made[key]

    return run


def real(recording: Recording) -> list[Registered]:
    return [item for item in recording.resources if item.custom and not item.type.startswith("pulumi:")]


def test_a_default_cell_has_every_part(cell: Callable[..., Recording]) -> None:
    kinds = Counter(item.type for item in cell().resources)
    expected = {
        "cells:aws:Cell": 1,
        "cells:aws:Network": 1,
        "cells:aws:SqlServerHost": 1,
        "cells:aws:FileGatewayHost": 1,
        "cells:aws:ShareSet": 1,
        "cells:aws:Nodes": 1,
        "cells:aws:Ingress": 1,
        "cells:aws:Secrets": 1,
        "cells:aws:Alarms": 1,
        "aws:s3/bucket:Bucket": 11,
        "aws:storagegateway/nfsFileShare:NfsFileShare": 10,
        "cellctl:aws:ShareAccess": 5,
        "cellctl:aws:FileGateway": 1,
        "cellctl:sql:CellDatabase": 1,
        "cellctl:octopus:MasterKey": 1,
        "cellctl:octopus:Administrator": 1,
        "cellctl:octopus:Node": 2,
        "aws:rds/instance:Instance": 1,
        "aws:ec2/instance:Instance": 3,
        "aws:ec2/networkInterface:NetworkInterface": 3,
        "aws:lb/loadBalancer:LoadBalancer": 2,
        "aws:lb/listener:Listener": 4,
        "aws:ec2/subnet:Subnet": 12,
        "aws:ec2/natGateway:NatGateway": 2,
        "aws:ec2/vpcEndpoint:VpcEndpoint": 2,
        "pulumi:providers:aws": 1,
        "pulumi:providers:cellctl": 1,
    }
    assert {kind: kinds[kind] for kind in expected} == expected


@pytest.mark.parametrize("body", [{}, {"storage": {"protocol": "smb"}}, {"preset": "gold"}, {"preset": "trial"}])
def test_every_resource_and_invoke_names_an_explicit_provider(
    cell: Callable[..., Recording], body: dict[str, object]
) -> None:
    recording = cell(**body)
    for item in real(recording):
        package = item.type.partition(":")[0]
        assert f"pulumi:providers:{package}::{package}::" in item.provider, f"{item.type} {item.name}"
    assert recording.invokes
    assert all("pulumi:providers:aws::aws::" in provider for _, provider in recording.invokes)


def test_every_child_hangs_under_a_component_and_starts_with_its_name(cell: Callable[..., Recording]) -> None:
    for item in cell().resources:
        if item.type.startswith("pulumi:") or item.name == "acme":
            continue
        parent_type, _, parent_name = item.parent.split("::", 2)[2].rpartition("::")
        assert parent_type.endswith(parent_type.rpartition("$")[2])
        assert parent_type.rpartition("$")[2].startswith("cells:aws:"), f"{item.name} has parent {item.parent}"
        assert item.name.startswith(f"{parent_name}-")


def test_logical_names_are_unique_by_type(cell: Callable[..., Recording]) -> None:
    counts = Counter((item.type, item.name) for item in real(cell()))
    assert [key for key, count in counts.items() if count > 1] == []


def test_what_facts_call_stateful_is_protected(cell: Callable[..., Recording]) -> None:
    recording = cell(preset="gold")
    for item in real(recording):
        known = facts.of(item.type)
        if item.type.startswith("aws:"):
            assert known is not None, f"no facts on {item.type}"
            if known.stateful:
                assert item.protect, f"{item.name} is stateful and not protected"
    for token in ("cellctl:aws:FileGateway", "cellctl:sql:CellDatabase", "cellctl:octopus:MasterKey"):
        assert all(item.protect for item in recording.of(token))
    assert recording.named("acme-gateway-instance").protect
    assert recording.named("acme-gateway-interface").protect
    assert not recording.named("acme-nodes-1", "instance:Instance").protect


def test_the_clouds_own_locks_follow_the_cell_file(cell: Callable[..., Recording]) -> None:
    for protected in (True, False):
        recording = cell(protection={"deletion": protected})
        assert recording.named("acme-sql-instance").inputs["deletionProtection"] is protected
        assert recording.named("acme-gateway-instance").inputs["disableApiTermination"] is protected
        assert recording.named("acme-gateway-gateway").inputs["acceptDataLoss"] is not protected
        assert recording.named("acme-database").inputs["acceptDataLoss"] is not protected
        assert {item.inputs["forceDestroy"] for item in recording.of("aws:s3/bucket:Bucket")} == {not protected}


def test_sql_server_is_safe_where_the_provider_is_not(cell: Callable[..., Recording]) -> None:
    """Reference aws.md 0.10 and 4: defaults of the provider, and what no offline check of it stops."""
    database = cell().named("acme-sql-instance")
    wanted = {
        "multiAz": True,
        "storageEncrypted": True,
        "publiclyAccessible": False,
        "backupRetentionPeriod": 14,
        "deleteAutomatedBackups": False,
        "copyTagsToSnapshot": True,
        "skipFinalSnapshot": False,
        "finalSnapshotIdentifier": "cell-acme-sql-final-1",
        "deletionProtection": True,
        "autoMinorVersionUpgrade": False,
        "applyImmediately": False,
        "manageMasterUserPassword": True,
        "characterSetName": "SQL_Latin1_General_CP1_CI_AS",
        "storageType": "gp3",
        "caCertIdentifier": "rds-ca-rsa2048-g1",
        "allocatedStorage": 200,
        "maxAllocatedStorage": 2000,
        "optionGroupName": "cell-acme-sql",
        "parameterGroupName": "cell-acme-sql",
    }
    assert {key: database.inputs[key] for key in wanted} == wanted
    assert "password" not in database.inputs
    assert "dbName" not in database.inputs
    assert database.ignore == ("engineVersion",)
    assert len(cell().named("acme-sql-subnets").inputs["subnetIds"]) >= 2
    parameters = cell().named("acme-sql-parameters").inputs
    assert parameters["parameters"] == [{"name": "rds.force_ssl", "value": "1", "applyMethod": "pending-reboot"}]


def test_no_machine_takes_a_newer_image_or_weak_metadata(cell: Callable[..., Recording]) -> None:
    for item in cell().of("aws:ec2/instance:Instance"):
        assert set(item.ignore) == {"ami", "userData"}
        assert item.inputs["metadataOptions"]["httpTokens"] == "required"
        assert item.inputs["rootBlockDevice"]["encrypted"] is True
        assert "keyName" not in item.inputs
        assert "associatePublicIpAddress" not in item.inputs


def rules_of(recording: Recording) -> set[tuple[str, str, str, object, object, str]]:
    found = set()
    for way, token in (("in", "Ingress"), ("out", "Egress")):
        for item in recording.of(f"aws:vpc/securityGroup{token}Rule:SecurityGroup{token}Rule"):
            given = item.inputs
            peer = given.get("cidrIpv4") or given.get("referencedSecurityGroupId") or given["prefixListId"]
            group = str(given["securityGroupId"]).removeprefix("acme-network-").removesuffix("-id")
            peer = str(peer).removeprefix("acme-network-").removesuffix("-id")
            ports = (given.get("fromPort"), given.get("toPort"))
            found.add((group, way, str(given["ipProtocol"]), *ports, peer))
    return found


def test_security_groups_admit_exactly_this(cell: Callable[..., Recording]) -> None:
    """Reference aws.md 1.1. Port 80 of the gateway is open to the control range alone."""
    control = ACCOUNT.control_cidr
    nfs = {
        ("gateway", "in", protocol, port, port, "nodes") for protocol in ("tcp", "udp") for port in (111, 2049, 20048)
    }
    service = (443, 1026, 1027, 1028, 1031, 2222)
    assert rules_of(cell()) == {
        ("web", "in", "tcp", 443, 443, "10.0.0.0/8"),
        ("web", "in", "tcp", 80, 80, "10.0.0.0/8"),
        ("web", "out", "tcp", 8080, 8080, "nodes"),
        ("polling", "in", "tcp", 10943, 10944, "10.0.0.0/8"),
        ("polling", "out", "tcp", 10943, 10943, "nodes"),
        ("nodes", "in", "tcp", 8080, 8080, "watch"),
        ("watch", "out", "tcp", 8080, 8080, "nodes"),
        ("watch", "out", "tcp", 443, 443, "0.0.0.0/0"),
        ("nodes", "in", "tcp", 8080, 8080, "web"),
        ("nodes", "in", "tcp", 8080, 8080, "nodes"),
        ("nodes", "in", "tcp", 8080, 8080, control),
        ("nodes", "in", "tcp", 10943, 10943, "polling"),
        ("nodes", "out", "-1", None, None, "0.0.0.0/0"),
        *nfs,
        *{("gateway", "out", "tcp", port, port, "endpoints") for port in service},
        *{("endpoints", "in", "tcp", port, port, "gateway") for port in service},
        ("gateway", "out", "tcp", 443, 443, "pl-1"),
        ("gateway", "out", "udp", 123, 123, "0.0.0.0/0"),
        ("gateway", "out", "tcp", 53, 53, "10.64.0.0/20"),
        ("gateway", "out", "udp", 53, 53, "10.64.0.0/20"),
        ("database", "in", "tcp", 1433, 1433, "nodes"),
        ("database", "in", "tcp", 1433, 1433, control),
    }


def test_smb_opens_445_and_nothing_of_nfs(cell: Callable[..., Recording]) -> None:
    ports = {rule[3] for rule in rules_of(cell(storage={"protocol": "smb"})) if rule[:2] == ("gateway", "in")}
    assert ports == {445}


def test_labels_of_rules_are_unique_however_many_ranges_there_are() -> None:
    plan = plan_of(ingress={"allow": [f"10.{octet}.0.0/16" for octet in range(50)]})
    rules = firewall.rules(plan, control="10.255.0.0/24")
    assert len({rule.label for rule in rules}) == len(rules)


def test_shares_are_born_closed_and_five_open_to_exactly_the_nodes(cell: Callable[..., Recording]) -> None:
    recording = cell()
    for share in recording.of("aws:storagegateway/nfsFileShare:NfsFileShare"):
        assert share.inputs["clientLists"] == [cellctl.NOBODY]
        assert share.ignore == ("clientLists",)
        assert share.inputs["squash"] == "RootSquash"
        assert share.inputs["kmsEncrypted"] is True
        assert share.inputs["guessMimeTypeEnabled"] is False
    access = recording.of("cellctl:aws:ShareAccess")
    kinds = {item.name.removeprefix("acme-shares-") for item in access}
    assert kinds == {"packages", "artifacts", "task-logs", "imports", "event-exports"}
    assert {tuple(item.inputs["clients"]) for item in access} == {("10.64.8.21", "10.64.9.22")}
    addresses = [node["address"] for node in recording.outputs["nodes"]]
    assert addresses == ["10.64.8.21", "10.64.9.22"]


def test_smb_shares_are_read_only_until_opened_and_need_encryption(cell: Callable[..., Recording]) -> None:
    recording = cell(storage={"protocol": "smb"})
    shares = recording.of("aws:storagegateway/smbFileShare:SmbFileShare")
    assert len(shares) == 10
    assert {(item.inputs["readOnly"], item.inputs["authentication"]) for item in shares} == {(True, "GuestAccess")}
    gateway = recording.named("acme-gateway-gateway").inputs
    assert gateway["smbSecurityStrategy"] == "MandatoryEncryption"
    assert gateway["guestPasswordSecret"] == "arn:aws:secretsmanager/secret:Secret:acme-secrets-guest"


def test_every_bucket_is_closed_sealed_versioned_and_has_one_writer(cell: Callable[..., Recording]) -> None:
    recording = cell()
    for bucket in recording.of("aws:s3/bucket:Bucket"):
        block = recording.named(bucket.name, "PublicAccessBlock").inputs
        assert all(
            block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        )
        sealed = recording.named(bucket.name, "ServerSideEncryption").inputs["rules"][0]
        assert sealed["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
        assert recording.named(bucket.name, "Versioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
        rule = recording.named(bucket.name, "Lifecycle").inputs["rules"][0]
        assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
        assert not {"expiration", "transitions"} & set(rule)
        policy = json.loads(recording.named(bucket.name, "bucketPolicy").inputs["policy"])
        by_name = {statement["Sid"]: statement for statement in policy["Statement"]}
        assert list(by_name) == ["TlsOnly", "RecentTlsOnly", "OneWriter", "NoOtherDeletes"]
        assert {statement["Effect"] for statement in policy["Statement"]} == {"Deny"}
        writer = by_name["OneWriter"]["Condition"]["StringNotEquals"]["aws:PrincipalArn"]
        assert writer.startswith("arn:aws:iam/role:Role:acme-")
        removers = by_name["NoOtherDeletes"]["Condition"]["StringNotEquals"]["aws:PrincipalArn"]
        assert removers == [writer, "arn:aws:iam::123456789012:role/cellctl"]
        assert set(by_name["NoOtherDeletes"]["Action"]) == {"s3:DeleteObject", "s3:DeleteObjectVersion"}


def test_a_preview_says_of_buckets_what_the_change_does_whichever_role_looks(cell: Callable[..., Recording]) -> None:
    arns = {name: f"arn:aws:iam::123456789012:role/cellctl/{name}" for name in ("apply", "preview")}
    texts = {
        cell(account=AccountFacts(id="123456789012", role=role, changes_as=arns["apply"]))
        .named("acme-shares-packages", "bucketPolicy")
        .inputs["policy"]
        for role in arns.values()
    }
    assert len(texts) == 1
    assert arns["apply"] in texts.pop()


def test_one_database_is_backed_up_into_a_bucket_of_its_own(
    cell: Callable[..., Recording],
) -> None:
    """Reference aws.md 1.6: without the option nobody brings one cell's database back."""
    recording = cell()
    (option,) = recording.named("acme-sql-options").inputs["options"]
    role = recording.named("acme-sql-native-backup", "iam/role:")
    arn = "arn:aws:iam/role:Role:acme-sql-native-backup"
    assert option == {
        "optionName": "SQLSERVER_BACKUP_RESTORE", "optionSettings": [{"name": "IAM_ROLE_ARN", "value": arn}],
    }  # fmt: skip
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "rds.amazonaws.com"}
    stem = "arn:aws:rds:eu-west-1:123456789012"
    assert trust["Condition"]["ArnLike"]["aws:SourceArn"] == [f"{stem}:og:cell-acme-sql", f"{stem}:db:cell-acme-sql"]
    bucket = recording.named("acme-sql-native-backup", "s3/bucket:")
    assert bucket.protect
    assert len(bucket.inputs["bucket"]) <= 63
    own = "arn:aws:s3/bucket:Bucket:acme-sql-native-backup"
    allowed = json.loads(recording.named("acme-sql-native-backup", "rolePolicy").inputs["policy"])["Statement"]
    assert [one["Resource"] for one in allowed] == [[own], [f"{own}/*"], ["arn:aws:kms/key:Key:acme-secrets-key"]]
    assert not [action for one in allowed for action in one["Action"] if "*" in action or "Delete" in action]
    assert recording.outputs["databaseBackups"] == {
        "bucket": bucket.inputs["bucket"], "region": "eu-west-1", "writer": arn,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("edition", "engine"), [("standard", "sqlserver-se"), ("enterprise", "sqlserver-ee"), ("web", "sqlserver-web")]
)
def test_an_edition_is_one_engine_with_groups_of_its_own(
    cell: Callable[..., Recording], edition: str, engine: str
) -> None:
    recording = cell(database={"edition": edition, "multiZone": edition != "web"})
    host = recording.named("acme-sql-instance").inputs
    assert (host["engine"], host["licenseModel"]) == (engine, "license-included")
    assert recording.named("acme-sql-options").inputs["engineName"] == engine
    assert recording.named("acme-sql-parameters").inputs["family"] == f"{engine}-16.0"


def test_the_gateways_role_reaches_its_buckets_only_and_serves_one_account(cell: Callable[..., Recording]) -> None:
    recording = cell()
    trust = json.loads(recording.named("acme-shares-role", "iam/role:").inputs["assumeRolePolicy"])["Statement"]
    assert [statement["Principal"] for statement in trust] == [{"Service": "storagegateway.amazonaws.com"}]
    assert trust[0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:storagegateway:eu-west-1:123456789012:gateway/*"},
    }
    text = recording.named("acme-shares-role", "rolePolicy").inputs["policy"]
    statements = json.loads(text)["Statement"]
    files = [item for item in recording.of("aws:s3/bucket:Bucket") if item.name.startswith("acme-shares-")]
    buckets = {f"arn:aws:s3/bucket:Bucket:{item.name}" for item in files}
    assert set(statements[0]["Resource"]) == buckets
    assert {one.removesuffix("/*") for one in statements[1]["Resource"]} == buckets
    assert not any(action.partition(":")[2] == "*" for one in statements for action in one["Action"])
    assert len(text) < 10_240  # the limit of a role's inline policies


def test_key_then_master_key_then_database_then_nodes(cell: Callable[..., Recording]) -> None:
    recording = cell()
    database = recording.named("acme-database", "CellDatabase")
    assert any("MasterKey::acme-secrets-master-key" in urn for urn in database.dependencies)
    assert database.inputs["masterKeyFingerprint"] == "f" * 32
    for node in ("acme-nodes-1", "acme-nodes-2"):
        waits = recording.named(node, "ec2/instance:").dependencies
        assert any(urn.endswith("CellDatabase::acme-database") for urn in waits)
        assert sum("ShareAccess::" in urn for urn in waits) == 5
        assert any(urn.endswith("::acme-gateway-name") for urn in waits)
    gateway = recording.named("acme-gateway-gateway", "FileGateway").dependencies
    assert any(urn.endswith("VolumeAttachment::acme-gateway-cache-1") for urn in gateway)
    assert not any("gateway-in-tcp-80-" in urn for urn in gateway)
    opens = recording.named("acme-gateway-gateway", "FileGateway").inputs
    assert opens["controlCidr"] == "10.255.0.0/24"
    assert str(opens["securityGroupId"]).startswith("acme-network-gateway")


def test_nodes_keep_fixed_addresses_over_zones_and_get_their_own_polling_port(cell: Callable[..., Recording]) -> None:
    recording = cell(nodes={"count": 4})
    interfaces = [recording.named(f"acme-nodes-{number}", "Interface").inputs for number in range(1, 5)]
    assert [item["privateIps"] for item in interfaces] == [
        ["10.64.8.21"],
        ["10.64.9.22"],
        ["10.64.10.23"],
        ["10.64.8.24"],
    ]
    assert [item["subnetId"][-4] for item in interfaces] == ["a", "b", "c", "a"]
    listeners = recording.of("aws:lb/listener:Listener")
    assert {item.inputs["port"] for item in listeners} == {80, 443, 10943, 10944, 10945, 10946}
    polling = [item for item in listeners if item.inputs["port"] not in (80, 443)]
    assert {item.inputs["protocol"] for item in polling} == {"TCP"}
    assert len({item.inputs["defaultActions"][0]["targetGroupArn"] for item in polling}) == 4


def test_polling_passes_tcp_through_to_every_node_and_never_pings(cell: Callable[..., Recording]) -> None:
    """Requirements 52 and 53: TLS ends at Octopus, health is the port's own, and Octopus sees who polls."""
    recording = cell(nodes={"count": 3}, ingress={"grpc": True})
    balancer = recording.named("acme-ingress-polling", "loadBalancer").inputs
    assert (balancer["loadBalancerType"], balancer["enableCrossZoneLoadBalancing"]) == ("network", True)
    assert balancer["securityGroups"] == ["acme-network-polling-id"]  # a balancer made without one never gets one
    for label, outside, inside in [*((f"polling-{n}", 10942 + n, 10943) for n in (1, 2, 3)), ("grpc", 8443, 8443)]:
        target = recording.named(f"acme-ingress-{label}", "targetGroup").inputs
        listener = recording.named(f"acme-ingress-{label}", "listener").inputs
        check = target["healthCheck"]
        assert (listener["port"], listener["protocol"], target["port"], target["protocol"]) == (
            outside, "TCP", inside, "TCP",
        )  # fmt: skip
        assert (check["protocol"], check["port"], "path" in check) == ("TCP", str(inside), False)
        assert target["preserveClientIp"] == "true"
        assert not {"sslPolicy", "certificateArn"} & set(listener)
    # With the clients' own addresses in its packets, nodes admit the balancer by its group.
    assert ("nodes", "in", "tcp", 10943, 10943, "polling") in rules_of(recording)
    web = recording.named("acme-ingress-web", "loadBalancer").inputs
    assert (web["idleTimeout"], web["dropInvalidHeaderFields"], web["desyncMitigationMode"]) == (300, True, "defensive")


def test_an_appliance_has_the_machine_disks_and_name_of_the_reference(cell: Callable[..., Recording]) -> None:
    recording = cell(storage={"sizeGiB": 2000})
    machine = recording.named("acme-gateway-instance").inputs
    assert (machine["instanceType"], machine["rootBlockDevice"]["volumeSize"]) == ("m5.xlarge", 80)
    assert machine["maintenanceOptions"] == {"autoRecovery": "default"}
    disk = recording.named("acme-gateway-cache-1", "ebs/volume").inputs
    assert (disk["size"], disk["type"], disk["iops"], disk["throughput"], disk["encrypted"]) == (
        400, "gp3", 3000, 125, True,
    )  # fmt: skip
    name = recording.named("acme-gateway-name").inputs
    assert (name["ttl"], name["records"], name["type"]) == (60, ["10.64.8.10"], "A")
    assert machine["primaryNetworkInterface"] == {"networkInterfaceId": "acme-gateway-interface-id"}
    assert recording.named("acme-gateway-interface").inputs["privateIps"] == ["10.64.8.10"]
    gateway = recording.named("acme-gateway-gateway").inputs
    assert gateway["maintenance"] == {"dayOfWeek": 0, "hourOfDay": 2, "minuteOfHour": 0}
    endpoint = recording.named("acme-network-storagegateway").inputs
    assert (endpoint["privateDnsEnabled"], endpoint["vpcEndpointType"]) == (False, "Interface")


def test_web_checks_the_ping_and_speaks_recent_tls(cell: Callable[..., Recording]) -> None:
    recording = cell()
    check = recording.named("acme-ingress-web", "targetGroup").inputs["healthCheck"]
    assert (check["path"], check["matcher"]) == ("/api/octopusservernodes/ping", "200")
    listener = recording.named("acme-ingress-web", "listener").inputs
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert recording.named("acme-ingress-web", "loadBalancer").inputs["internal"] is True
    (onward,) = recording.named("acme-ingress-redirect", "listener").inputs["defaultActions"]
    assert onward["type"] == "redirect"
    assert onward["redirect"] == {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}


def test_the_files_certificate_is_used_and_none_is_made(cell: Callable[..., Recording]) -> None:
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    recording = cell(ingress={"certificate": arn})
    assert recording.named("acme-ingress-web", "listener").inputs["certificateArn"] == arn
    assert recording.of("aws:acm/certificate:Certificate") == []


def test_a_public_cell_has_public_balancers_and_private_machines(cell: Callable[..., Recording]) -> None:
    recording = cell(ingress={"exposure": "public", "allow": ["52.0.0.0/16"], "host": "acme.example.com"})
    for balancer in recording.of("aws:lb/loadBalancer:LoadBalancer"):
        assert balancer.inputs["internal"] is False
        assert all("-public-" in subnet for subnet in balancer.inputs["subnets"])
    for interface in recording.of("aws:ec2/networkInterface:NetworkInterface"):
        assert "-nodes-" in str(interface.inputs["subnetId"])


def test_no_secret_is_in_user_data_and_it_fits(cell: Callable[..., Recording]) -> None:
    for body in ({}, {"storage": {"protocol": "smb"}}):
        recording = cell(**body)
        given = recording.named("acme-secrets-administrator", "secretVersion").inputs["secretString"]
        password = given["value"] if isinstance(given, dict) else given
        for number in (1, 2):
            script = str(recording.named(f"acme-nodes-{number}", "ec2/instance:").inputs["userData"])
            assert len(script.encode()) < USER_DATA_LIMIT
            assert str(password) not in script
            assert "@@" not in script
            assert "arn:aws:secretsmanager/secret:Secret:acme-secrets-database-login" in script
            assert f"$node = 'acme-{number}'" in script
            assert "Password=$login" in script


def test_the_only_secret_value_is_sealed_and_kept(cell: Callable[..., Recording]) -> None:
    version = cell().named("acme-secrets-administrator", "secretVersion")
    assert "secretString" in version.ignore
    assert isinstance(version.inputs["secretString"], dict), "the password is not marked secret"
    assert len(version.inputs["secretString"]["value"]) == 32
    certificate = cell().named("acme-ingress-certificate")
    assert isinstance(certificate.inputs["privateKey"], dict), "the key is not marked secret"
    assert set(certificate.ignore) == {"certificateBody", "privateKey"}


def test_outputs_are_what_people_and_verify_read(cell: Callable[..., Recording]) -> None:
    from cellctl.verify.outputs import database_of, nodes_of

    outputs = cell().outputs
    nodes = nodes_of(outputs)
    assert [(node.address, node.port, node.scheme) for node in nodes] == [
        ("10.64.8.21", 8080, "http"),
        ("10.64.9.22", 8080, "http"),
    ]
    database = database_of(outputs)
    assert database is not None
    assert (database.kind, database.name, database.login) == ("rds", "octo_acme_g1", "octo_acme_a")
    assert outputs["url"] == "https://acme.octopus.internal"
    assert outputs["pollAddresses"] == [f"https://polling.acme.octopus.internal:{port}" for port in (10943, 10944)]
    text = json.dumps(outputs)
    version = cell().named("acme-secrets-administrator", "secretVersion").inputs["secretString"]
    assert version["value"] not in text


def test_a_real_account_is_reached_by_role_and_never_by_keys(cell: Callable[..., Recording]) -> None:
    role = "arn:aws:iam::123456789012:role/cellctl"
    recording = cell(account=AccountFacts(id="123456789012", role=role))
    provider = recording.named("aws", "pulumi:providers").inputs
    assert json.loads(provider["allowedAccountIds"]) == ["123456789012"]
    assert json.loads(provider["assumeRoles"])[0]["roleArn"] == role
    assert not {"accessKey", "secretKey", "token", "profile"} & set(provider)
    assert recording.named("cellctl", "pulumi:providers").inputs["awsRole"] == role


def test_gold_keeps_backups_in_a_second_region(cell: Callable[..., Recording]) -> None:
    copy = cell(preset="gold").named("acme-sql-backups").inputs
    assert copy["region"] == "eu-west-2"
    assert copy["retentionPeriod"] == 35


def test_nodes_may_read_the_secrets_they_boot_with_and_nothing_else(cell: Callable[..., Recording]) -> None:
    octopus = {"licence": {"secret": "octopus/licence"}}
    for given in ({}, {"octopus": octopus}):
        statements = json.loads(cell(**given).named("acme-nodes-secrets", "rolePolicy").inputs["policy"])["Statement"]
        assert [statement["Action"] for statement in statements] == [["secretsmanager:GetSecretValue"], ["kms:Decrypt"]]
        assert statements[0]["Resource"] == [
            "arn:aws:secretsmanager/secret:Secret:acme-secrets-database-login",
            "arn:key",
            "arn:aws:secretsmanager/secret:Secret:acme-secrets-administrator",
        ]
        assert "api-key" not in json.dumps(statements)


def test_the_first_node_alone_then_the_others_each_on_its_machine_and_targets(cell: Callable[..., Recording]) -> None:
    recording = cell(nodes={"count": 3, "roles": ["both", "ui", "worker"]}, octopus={"licence": {"secret": "licence"}})
    administrator = recording.named("acme-nodes-administrator")
    nodes = [recording.named(f"acme-nodes-{n}-octopus") for n in (1, 2, 3)]
    assert [node.inputs["taskCap"] for node in nodes] == [10, 0, 10]
    assert {node.inputs["leader"] for node in nodes} == {"acme-1"}
    assert nodes[0].inputs["machines"] == {f"acme-{n}": f"acme-nodes-{n}-id" for n in (1, 2, 3)}
    first = [name for name in nodes[1].dependencies if name.endswith("Node::acme-nodes-1-octopus")]
    assert first, "the second node does not wait for the first"
    assert any("TargetGroupAttachment::acme-nodes-2-web" in name for name in nodes[1].dependencies)
    assert all("acme-nodes-administrator" in " ".join(node.dependencies) for node in nodes)
    assert recording.of("aws:lb/targetGroupAttachment:TargetGroupAttachment") != []
    assert not [item for item in recording.resources if item.name == "acme-nodes-3-web"], "a worker serves no web"
    assert administrator.inputs["licenceSecret"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:licence"
    assert administrator.inputs["nodes"] == 3


def test_what_changes_on_a_running_cell_is_not_in_user_data(cell: Callable[..., Recording]) -> None:
    one, two = cell(), cell(octopus={"version": "2026.4.7100", "taskCap": 20})
    for number in (1, 2):
        before, after = (item.named(f"acme-nodes-{number}", "ec2/instance:").inputs for item in (one, two))
        assert before["userData"] == after["userData"]
        assert after["tags"] == {"Name": f"acme-{number}", "octopus-version": "2026.4.7100"}
        assert "--taskCap=0" in str(after["userData"])


def test_alarms_watch_every_part_and_have_a_statistic(cell: Callable[..., Recording]) -> None:
    alarms = cell().of("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {item.inputs.get("namespace", "metric math") for item in alarms} == {
        "AWS/RDS", "AWS/StorageGateway", "AWS/ApplicationELB", "AWS/NetworkELB", "AWS/EC2", "AWS/CertificateManager",
        "cellctl/cell-acme", "metric math",
    }  # fmt: skip
    for alarm in alarms:
        assert "statistic" in alarm.inputs or "metricQueries" in alarm.inputs
        assert alarm.inputs["alarmActions"][0] == "arn:aws:sns/topic:Topic:acme-alarms-topic"
    metrics = {item.inputs.get("metricName") for item in alarms}
    assert {
        "CachePercentDirty", "IoWaitPercent", "IndexEvictions", "FileSharesUnavailable", "HealthNotifications",
        "AvailabilityNotifications", "FilesFailingUpload", "FreeStorageSpace", "CPUUtilization",
        "FailedSQLServerAgentJobsCount", "UnHealthyHostCount", "HTTPCode_Target_5XX_Count",
    } <= metrics  # fmt: skip
    memory = cell().named("acme-alarms-gateway-memory").inputs
    asked = {one["metric"]["metricName"] for one in memory["metricQueries"] if "metric" in one}
    assert (asked, memory["threshold"]) == ({"MemUsedBytes", "MemTotalBytes"}, 95)


def test_a_gateway_whose_host_fails_is_started_on_another_one_and_no_node_is(cell: Callable[..., Recording]) -> None:
    acting = [one for one in cell().of("aws:cloudwatch/metricAlarm:MetricAlarm") if len(one.inputs["alarmActions"]) > 1]
    assert [one.name for one in acting] == ["acme-alarms-gateway-recovery"]
    (alarm,) = acting
    assert alarm.inputs["metricName"] == "StatusCheckFailed_System"
    assert alarm.inputs["dimensions"] == {"InstanceId": "acme-gateway-instance-id"}
    assert alarm.inputs["alarmActions"][1] == "arn:aws:automate:eu-west-1:ec2:recover"
    assert alarm.inputs["treatMissingData"] == "missing"


def test_constructors_are_short_and_end_with_their_outputs() -> None:
    for path in sorted((ROOT / "components/cellctl_components/aws").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or not any(
                "ComponentResource" in ast.dump(base) for base in node.bases
            ):
                continue
            constructor = next(
                item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"
            )
            assert (constructor.end_lineno or 0) - constructor.lineno < 60
            assert "register_outputs" in ast.dump(constructor.body[-1]), f"{node.name} does not end with its outputs"
            assert "apply" not in {call.attr for call in ast.walk(constructor) if isinstance(call, ast.Attribute)}


def test_what_an_import_calls_by_its_kind_is_declared(cell: Callable[..., Recording]) -> None:
    declared = {(item.parent.split("::")[-2].split("$")[-1], item.type, item.name) for item in real(cell())}
    for kind in kinds("aws").values():
        *_, parent, token = kind.types.split("$")
        assert (parent, token, kind.name.format(cell="acme")) in declared, kind
    assert {item.parent.split("::")[-2] for item in real(cell()) if item.name == "acme-sql-instance"} == {
        kinds("aws")["database"].types.rpartition("$")[0]
    }
