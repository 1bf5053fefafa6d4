"""What reefs, cells on them and accounts declare; that no two cells on a reef ever meet; what cellctl may do."""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from cellctl import facts
from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.errors import SpecError
from cellctl.facts.capacity import capacity
from cellctl.facts.permissions import permissions
from cellctl.registry.places import database_name
from cellctl.run.accounts import quotas
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.reef import ReefSpec
from cellctl_components import naming
from cellctl_components.aws import firewall, policies
from cellctl_components.aws.layout import AwsLayout, EntryLayout, PlaceLayout
from cellctl_components.aws.reef_layout import ReefLayout, reef_layout
from cellctl_components.aws.resolve import layout
from cellctl_components.layout import facts as layout_facts

if TYPE_CHECKING:
    from conftest import Recording

ACCOUNT = AccountFacts(id="123456789012", sandbox=True)
LONGEST = 10_240  # characters of all inline policies of a role, without white space (IAM quotas)
LETTERS, TIERS = ("a", "b", "c"), ("public", "ingress", "nodes", "data")
PLACE = {
    "reef": "r1", "number": 0, "network": "vpc-1", "cidr": "10.64.0.0/16", "members": "sg-members",
    "subnets": {tier: {letter: f"subnet-{tier}-{letter}" for letter in LETTERS} for tier in TIERS},
    "host": "reef-r1-sql-1", "server": "reef-r1-sql-1.x.eu-west-1.rds.amazonaws.com", "database": "octo_acme_g1",
    "administrator_secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1",
    "gateway": "g1.r1.reef.internal", "gateway_id": "sgw-1", "gateway_name": "reef-r1-g1", "share": "g1-01",
    "share_arn": "arn:aws:storagegateway:eu-west-1:123456789012:share/share-1", "bucket": "reef-r1-g1-01-x",
    "writer": "arn:aws:iam::123456789012:role/reefs/g1",
}  # fmt: skip
TAKES = {
    "lb.application-load-balancers": ("aws:lb/loadBalancer:LoadBalancer", "application"),
    "lb.network-load-balancers": ("aws:lb/loadBalancer:LoadBalancer", "network"),
    "ec2.security-groups": ("aws:ec2/securityGroup:SecurityGroup", ""),
    "iam.roles": ("aws:iam/role:Role", ""),
    "kms.keys": ("aws:kms/key:Key", ""),
    "cloudwatch.alarms": ("aws:cloudwatch/metricAlarm:MetricAlarm", ""),
    "s3.buckets": ("aws:s3/bucket:Bucket", ""),
    "ec2.vpcs": ("aws:ec2/vpc:Vpc", ""),
    "ec2.elastic-ips": ("aws:ec2/eip:Eip", ""),
    "rds.sqlserver-instances": ("aws:rds/instance:Instance", ""),
    "scheduler.schedules": ("aws:scheduler/schedule:Schedule", ""),
    "ec2.standard-vcpus": ("aws:ec2/instance:Instance", ""),
    "iam.instance-profiles": ("aws:iam/instanceProfile:InstanceProfile", ""),
    "rds.instances": ("aws:rds/instance:Instance", ""),
    "rds.subnet-groups": ("aws:rds/subnetGroup:SubnetGroup", ""),
    "rds.option-groups": ("aws:rds/optionGroup:OptionGroup", ""),
    "rds.parameter-groups": ("aws:rds/parameterGroup:ParameterGroup", ""),
    "lb.target-groups-per-region": ("aws:lb/targetGroup:TargetGroup", ""),
}


def cell_spec(**body: object) -> CellSpec:
    given = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "placement": {"reef": "r1"}, **body}
    return CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": given})


def placed(number: int = 0, **body: object) -> AwsLayout:
    return layout(cell_spec(**body), place={**PLACE, "number": number})


def reef(**body: object) -> ReefLayout:
    given = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **body}
    return reef_layout(ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": given}))


@pytest.fixture(scope="module")
def recorded() -> dict[str, Recording]:
    return {}


@pytest.fixture
def cell(record: Callable[[Callable[[], None]], Recording], recorded: dict[str, Recording]) -> Recording:
    wanted = Wanted(level="cell", spec=cell_spec().to_json(), place=PLACE)  # type: ignore[arg-type]
    if "cell" not in recorded:
        recorded["cell"] = record(declaring(load("aws"), wanted, ACCOUNT))
    return recorded["cell"]


@pytest.fixture
def shared(record: Callable[[Callable[[], None]], Recording], recorded: dict[str, Recording]) -> Recording:
    spec = ReefSpec.minimal("r1", cloud="aws", region="eu-west-1").to_json()
    if "reef" not in recorded:
        recorded["reef"] = record(declaring(load("aws"), Wanted(level="reef", spec=spec), ACCOUNT))  # type: ignore[arg-type]
    return recorded["reef"]


ENTRY = {
    **{f"{kind}_{what}": f"{kind}-{what}" for kind in ("web", "polling") for what in ("arn", "name", "zone", "suffix")},
    "web_group": "sg-web", "polling_group": "sg-polling", "web_listener": "listener-1", "web_slot": 3,
    "polling_slot": 2, "ports": 5, "allow": ["10.0.0.0/8"], "internal": True,
}  # fmt: skip


@pytest.fixture
def guest(record: Callable[[Callable[[], None]], Recording], recorded: dict[str, Recording]) -> Recording:
    """A cell that shares load balancers of its reef."""
    wanted = Wanted(level="cell", spec=cell_spec(ingress={"grpc": True}).to_json(), place={**PLACE, "entry": ENTRY})  # type: ignore[arg-type,dict-item]
    if "guest" not in recorded:
        recorded["guest"] = record(declaring(load("aws"), wanted, ACCOUNT))
    return recorded["guest"]


@pytest.fixture
def doors(record: Callable[[Callable[[], None]], Recording], recorded: dict[str, Recording]) -> Recording:
    """A reef whose cells share load balancers."""
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "ingress": {"shared": True}}
    spec = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": body}).to_json()
    if "doors" not in recorded:
        recorded["doors"] = record(declaring(load("aws"), Wanted(level="reef", spec=spec), ACCOUNT))  # type: ignore[arg-type]
    return recorded["doors"]


def counted(recording: Recording) -> dict[str, int]:
    found: Counter[str] = Counter()
    for item in recording.resources:
        for name, (token, kind) in TAKES.items():
            if item.type == token and kind in ("", item.inputs.get("loadBalancerType")):
                service, _, short = name.partition(".")
                uses = {use.name: use for use in facts.of(token).quotas}  # type: ignore[union-attr]
                quota = facts.service("aws", service).quotas[short]
                found[name] += uses[short].amount(quota, item.inputs)  # type: ignore[arg-type]
    return {takes.quota: found[takes.quota] for takes in capacity("aws").takes}


def test_cells_and_reefs_take_of_quotas_what_is_counted(cell: Recording, shared: Recording) -> None:
    takes = capacity("aws").takes
    assert counted(cell) == {one.quota: one.reef for one in takes}
    assert counted(shared) == {one.quota: one.base + one.host + one.gateway for one in takes}


def test_cells_that_share_balancers_take_of_quotas_what_is_counted(guest: Recording, doors: Recording) -> None:
    takes = capacity("aws").takes
    assert counted(guest) == {one.quota: one.shared for one in takes}
    own = {one.quota: one.base + one.host + one.gateway + one.doors + one.web + one.polling for one in takes}
    assert counted(doors) == own


def test_a_cell_declares_what_is_its_own_on_balancers_that_it_shares(guest: Recording) -> None:
    assert guest.of("aws:lb/loadBalancer:LoadBalancer") == []
    (rule,) = guest.of("aws:lb/listenerRule:ListenerRule")
    (shown,) = guest.of("aws:lb/listenerCertificate:ListenerCertificate")
    assert {rule.inputs["listenerArn"], shown.inputs["listenerArn"]} == {"listener-1"}
    assert rule.inputs["conditions"] == [{"hostHeader": {"values": ["acme.octopus.internal"]}}]
    assert rule.inputs["priority"] == 3
    assert str(shown.inputs["certificateArn"]).endswith(":acme-ingress-certificate")
    listeners = guest.of("aws:lb/listener:Listener")
    assert {item.inputs["loadBalancerArn"] for item in listeners} == {"polling-arn"}
    # The second place: five ports from 10948 on; two nodes, and gRPC at the last.
    assert sorted(item.inputs["port"] for item in listeners) == [10948, 10949, 10952]
    targets = {item.inputs["port"] for item in guest.of("aws:lb/targetGroup:TargetGroup")}
    assert targets == {8080, 10943, 8443}
    aliases = {
        item.inputs["aliases"][0]["name"]
        for item in guest.of("aws:route53/record:Record")
        if item.inputs["type"] == "A"
    }  # type: ignore[index]
    assert aliases == {"web-name", "polling-name"}
    assert guest.outputs["pollAddresses"] == [
        f"https://polling.acme.octopus.internal:{port}" for port in (10948, 10949)
    ]
    assert guest.outputs["grpcAddress"] == "polling.acme.octopus.internal:10952"
    watched = {item.name: item.inputs.get("dimensions") for item in guest.of("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert watched["acme-alarms-web-errors"].keys() == {"LoadBalancer", "TargetGroup"}, (
        "its own answers, no other cell's"
    )


def test_nodes_admit_the_balancers_that_they_share_and_no_run_of_a_cell_touches_a_rule_of_theirs(
    guest: Recording, doors: Recording
) -> None:
    rules = guest.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert {item.inputs["securityGroupId"] for item in rules} == {"acme-network-nodes-id"}
    peers = {(item.inputs["fromPort"], item.inputs.get("referencedSecurityGroupId")) for item in rules}
    assert {(8080, "sg-web"), (10943, "sg-polling"), (8443, "sg-polling")} <= peers
    theirs = [item for item in doors.resources if "securityGroup" in item.type and "Rule" in item.type]
    ways = {
        (item.inputs["securityGroupId"], item.inputs["fromPort"], item.inputs["toPort"],
         str(item.inputs.get("referencedSecurityGroupId") or item.inputs.get("cidrIpv4")))
        for item in theirs if item.name.startswith(("reef-r1-network-web", "reef-r1-network-polling"))
    }  # fmt: skip
    web, polling, members = (f"reef-r1-network-{group}-id" for group in ("web", "polling", "members"))
    assert ways == {
        (web, 443, 443, "10.0.0.0/8"), (web, 80, 80, "10.0.0.0/8"), (web, 8080, 8080, members),
        (polling, 10943, 10992, "10.0.0.0/8"), (polling, 10943, 10943, members), (polling, 8443, 8443, members),
    }  # fmt: skip


def test_shared_balancers_are_locked_turn_strangers_away_and_say_what_a_place_needs(doors: Recording) -> None:
    made = sorted(doors.of("aws:lb/loadBalancer:LoadBalancer"), key=lambda item: item.name, reverse=True)
    assert [item.inputs["name"] for item in made] == ["reef-r1-web-1", "reef-r1-polling-1"]
    for item in made:
        assert (item.inputs["enableDeletionProtection"], item.inputs["enableCrossZoneLoadBalancing"]) == (True, True)
    secure = next(item for item in doors.of("aws:lb/listener:Listener") if item.inputs["port"] == 443)
    (action,) = secure.inputs["defaultActions"]  # type: ignore[misc]
    assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "404")
    facts = {one["kind"]: one for one in doors.outputs["balancers"]}  # type: ignore[index,attr-defined]
    assert {kind: one["slots"] for kind, one in facts.items()} == {"web": 25, "polling": 10}
    said = {**facts["web"]["place"], **facts["polling"]["place"]}
    assert {*said, "web_slot", "polling_slot"} == {field.name for field in fields(EntryLayout)} == {*ENTRY}


def test_a_reef_shares_as_many_balancers_as_its_gateways_have_room_for() -> None:
    many = reef(ingress={"shared": True}, storage={"gateways": 5}).entry
    assert many is not None
    assert [one.label for one in many.balancers] == ["web-1", "web-2", *(f"polling-{n}" for n in range(1, 6))]
    broad = reef(ingress={"shared": True, "portsPerCell": 9}, storage={"gateways": 2}).entry
    assert broad is not None
    assert [(one.kind, one.slots) for one in broad.balancers] == [("web", 25), *[("polling", 5)] * 4]
    assert reef().entry is None


def test_a_cell_cannot_ask_more_of_balancers_than_they_have() -> None:
    asked = cell_spec(ingress={"allow": ["10.0.0.0/16"], "grpc": True, "exposure": "internal"}, nodes={"count": 5})
    with pytest.raises(SpecError) as refused:
        layout(asked, place={**PLACE, "entry": ENTRY})  # type: ignore[dict-item]
    problems = {problem.field: problem.message for problem in refused.value.problems}
    assert set(problems) == {"spec.ingress.allow", "spec.nodes.count"}
    assert "needs 6 ports for Tentacles and gRPC" in problems["spec.nodes.count"]
    public = {**ENTRY, "internal": False}
    with pytest.raises(SpecError, match=r"spec\.ingress\.exposure"):
        layout(cell_spec(), place={**PLACE, "entry": public})  # type: ignore[dict-item]
    one = layout(cell_spec(nodes={"count": 6}, ingress={"polling": "redis"}), place={**PLACE, "entry": ENTRY})  # type: ignore[dict-item]
    assert {node.polling_port for node in one.nodes.items} == {10948}


def test_what_each_size_of_a_machine_weighs_is_known() -> None:
    data = layout_facts("aws", "sizes")
    sizes = {str(one) for part in ("nodes", "gateway") for one in data[part]["types"].values()}  # type: ignore[union-attr]
    assert sizes == set(facts.service("aws", "ec2").quotas["standard-vcpus"].weights)


def test_the_default_quotas_break_where_load_balancers_run_out() -> None:
    found = {fit.quota: fit for fit in quotas("aws", 300, "reef")}
    assert {name: fit.breaks_at for name, fit in found.items() if fit.breaks_at} == {
        "lb.application-load-balancers": 51, "lb.network-load-balancers": 51, "ec2.elastic-ips": 51, "ec2.vpcs": 251,
        "ec2.standard-vcpus": 4,
    }  # fmt: skip
    assert (found["rds.sqlserver-instances"].needed, found["s3.buckets"].needed) == (6, 306)
    fits = {fit.quota for fit in quotas("aws", 50, "reef") if not fit.breaks_at}
    assert fits == {fit.quota for fit in quotas("aws", 50, "reef")} - {"ec2.standard-vcpus"}
    together = {fit.quota: fit for fit in quotas("aws", 300, "shared")}
    # What is left is a reef's: three NAT gateways and a network each.
    assert {name: fit.breaks_at for name, fit in together.items() if fit.breaks_at} == {
        "ec2.elastic-ips": 51, "ec2.vpcs": 251, "ec2.standard-vcpus": 4,
    }  # fmt: skip
    needed = [together[f"lb.{kind}-load-balancers"].needed for kind in ("application", "network")]
    assert needed == [12, 30], "six reefs: two of web and five of polling each"
    assert min(fit.breaks_at for fit in quotas("aws", 300, "dedicated") if fit.breaks_at) == 3


def test_a_place_is_made_of_what_the_reef_says(shared: Recording) -> None:
    """Reef, host and gateway each say their part; the registry adds share and database."""
    (host,), (gateway,) = shared.outputs["hosts"], shared.outputs["gateways"]
    said = {**shared.outputs["place"], **host["place"], **gateway["place"]}  # type: ignore[dict-item]
    assert {*said, "share", "share_arn", "bucket", "database", "entry", "apart"} == {
        field.name for field in fields(PlaceLayout)
    } | {"cidr"}
    assert len(gateway["shares"]) == 10
    assert {"arn", "name", "bucket"} == set(gateway["shares"][0])
    assert database_name("acme-eu") == naming.database_name("acme-eu", 1)


def test_cells_on_a_reef_never_share_an_address_with_each_other_or_a_gateway() -> None:
    taken: dict[str, str] = {one.host.address: one.label for one in reef(storage={"gateways": 20}).gateways}
    assert len(taken) == 20
    for number in (*range(12), 198, 199):
        plan = placed(number, nodes={"count": 8})
        zones = {zone.letter: ipaddress.IPv4Network(zone.nodes) for zone in plan.network.zones}
        for node in plan.nodes.items:
            assert node.address not in taken, f"{node.name} of place {number} has the address of {taken[node.address]}"
            taken[node.address] = f"{node.name} of place {number}"
            assert ipaddress.IPv4Address(node.address) in zones[node.zone]


def test_hosts_and_gateways_admit_members_and_the_control_range_only(shared: Recording, cell: Recording) -> None:
    rules = firewall.reef_rules(reef(), control="10.255.0.0/24")
    ways_in = {(rule.group, rule.peer) for rule in rules if rule.way == "in"}
    assert ways_in == {
        ("gateway", "members"), ("gateway", "10.255.0.0/24"), ("database", "members"), ("database", "10.255.0.0/24"),
        ("endpoints", "gateway"),
    }  # fmt: skip
    assert not [rule for rule in rules if rule.group == "members"]
    groups = {item.name: item for item in shared.resources if item.type == "aws:ec2/securityGroup:SecurityGroup"}
    assert set(groups) == {f"reef-r1-network-{group}" for group in firewall.REEF_GROUPS}
    for item in cell.of("aws:ec2/networkInterface:NetworkInterface"):
        assert "sg-members" in item.inputs["securityGroups"]  # type: ignore[operator]
        assert len(item.inputs["securityGroups"]) == 2  # type: ignore[arg-type]
    touched = {
        item.inputs["securityGroupId"]
        for item in cell.resources
        if "securityGroup" in item.type and "Rule" in item.type
    }
    assert touched == {f"acme-network-{group}-id" for group in firewall.CELL_GROUPS}


def test_a_cell_keeps_each_kind_in_a_folder_of_its_one_share(cell: Recording) -> None:
    (access,) = cell.of("cellctl:aws:ShareAccess")
    assert access.inputs["shareArn"] == PLACE["share_arn"]
    assert access.inputs["clients"] == [node.address for node in placed().nodes.items]
    script = str(cell.of("aws:ec2/instance:Instance")[0].inputs["userData"])
    assert script.count("mount.exe -o") == 1
    for kind in ("packages", "artifacts", "task-logs", "imports", "event-exports"):
        assert f"-Value '\\\\files.acme.octopus.internal\\g1-01\\{kind}'" in script
    (name,) = [item for item in cell.of("aws:route53/record:Record") if item.inputs["type"] == "CNAME"]
    assert (access.name, name.name) == ("acme-shares-files", "acme-shares-name")  # docs/resource-names.md
    assert name.inputs["records"] == ["g1.r1.reef.internal"]


DOMAIN = {"domain": "corp.example.com", "organizationalUnit": "OU=Octopus", "joinSecret": "octopus/joiner/user"}
USERS = {"secret": "octopus/acme/user", "users": ["svc-acme", "@octopus"]}


def test_smb_on_a_reef_is_a_domains_and_each_cell_mounts_as_its_own_user(
    record: Callable[[Callable[[], None]], Recording],
) -> None:
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
    named = {"protocol": "smb", "activeDirectory": {**DOMAIN, "controllers": ["10.9.0.10", "10.9.0.11"]}}
    spec = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": {**body, "storage": named}})
    made = record(declaring(load("aws"), Wanted(level="reef", spec=spec.to_json()), ACCOUNT))  # type: ignore[arg-type]
    (gateway,) = made.of("cellctl:aws:FileGateway")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:octopus/joiner/user"
    assert (gateway.inputs["domain"], gateway.inputs["domainSecret"]) == ("corp.example.com", arn)
    assert gateway.inputs["domainControllers"] == ["10.9.0.10", "10.9.0.11"]
    shares = made.of("aws:storagegateway/smbFileShare:SmbFileShare")
    assert {(one.inputs["authentication"], one.inputs["readOnly"]) for one in shares} == {("ActiveDirectory", True)}
    assert [one.inputs["validUserLists"] for one in shares] == [["cellctl-nobody"]] * 10
    asked = [one.inputs for one in made.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")]
    ports = [
        (one["ipProtocol"], int(float(str(one["fromPort"])))) for one in asked if one.get("cidrIpv4") == "10.9.0.10/32"
    ]
    assert {("tcp", 88), ("udp", 88), ("tcp", 389), ("tcp", 445), ("tcp", 49152)} <= set(ports)
    assert len(asked) <= 60  # rules of a group (reference aws.md 5)
    (row,) = made.outputs["gateways"]
    assert row["joinSecret"] == arn

    smb = cell_spec(storage={"protocol": "smb", "directory": USERS})
    cell = record(declaring(load("aws"), Wanted(level="cell", spec=smb.to_json(), place=PLACE), ACCOUNT))  # type: ignore[arg-type]
    (access,) = cell.of("cellctl:aws:ShareAccess")
    assert access.inputs["validUsers"] == USERS["users"]
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:octopus/acme/user"
    scripts = [str(one.inputs["userData"]) for one in cell.of("aws:ec2/instance:Instance")]
    assert all(f"-SecretId {secret} " in one and "New-SmbMapping -RemotePath '\\\\files." in one for one in scripts)
    assert not [one for one in scripts if "net use" in one or "smbguest" in one]
    (policy,) = [one for one in cell.of("aws:iam/rolePolicy:RolePolicy") if one.name == "acme-nodes-secrets"]
    assert f"{secret}-??????" in json.loads(str(policy.inputs["policy"]))["Statement"][0]["Resource"]
    assert not [one for one in cell.of("aws:secretsmanager/secret:Secret") if "guest" in one.name]


def test_hosts_of_a_reef_share_the_bucket_of_their_backups(shared: Recording) -> None:
    (role,) = [one for one in shared.of("aws:iam/role:Role") if one.name == "reef-r1-sql-native-backup"]
    sources = json.loads(str(role.inputs["assumeRolePolicy"]))["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"]
    stem = "arn:aws:rds:eu-west-1:123456789012"
    assert sources == [f"{stem}:og:reef-r1-sql", f"{stem}:db:reef-r1-sql-1"]
    plan = reef(database={"hosts": 3}).for_account("123456789012")
    assert len({(host.backup_bucket, host.backup_role) for host in plan.hosts}) == 1
    assert plan.hosts[0].backup_bucket != reef().hosts[0].backup_bucket  # no other account has one of this name
    assert shared.outputs["databaseBackups"]["writer"] == "arn:aws:iam/role:Role:reef-r1-sql-native-backup"


def test_hosts_of_a_reef_share_their_groups() -> None:
    plan = reef(database={"hosts": 3}, storage={"gateways": 4})
    assert len({host.group for host in plan.hosts}) == 1
    assert len({host.identifier for host in plan.hosts}) == len({host.monitoring_role for host in plan.hosts}) == 3
    assert [gateway.host.zone for gateway in plan.gateways] == ["a", "b", "c", "a"]
    buckets = [share.bucket for gateway in plan.for_account("123456789012").gateways for share in gateway.shares]
    assert len(set(buckets)) == 40
    assert all(len(bucket) <= 63 for bucket in buckets)


APART = {"packages": {"share": "feed"}, "artifacts": {"share": "feed"}, "taskLogs": {"share": "logs"}}
CLAIMED = [
    {"share": f"g1-{n:02}", "share_arn": f"{PLACE['share_arn']}{n}", "bucket": f"reef-r1-g1-{n:02}-x"} for n in (2, 3)
]


def test_kinds_of_files_are_placed_on_shares_apart(record) -> None:
    spec = cell_spec(storage={"kinds": APART}).to_json()
    place = {**PLACE, "apart": CLAIMED}
    cell = record(declaring(load("aws"), Wanted(level="cell", spec=spec, place=place), ACCOUNT))
    access = {each.name: each.inputs["shareArn"] for each in cell.of("cellctl:aws:ShareAccess")}
    assert access == {
        "acme-shares-files": PLACE["share_arn"], "acme-shares-files-2": CLAIMED[0]["share_arn"],
        "acme-shares-files-3": CLAIMED[1]["share_arn"],
    }  # fmt: skip
    shares = cell.outputs["files"]["shares"]
    assert shares == {
        "packages": "g1-02/packages", "artifacts": "g1-02/artifacts", "task-logs": "g1-03/task-logs",
        "imports": "g1-01/imports", "event-exports": "g1-01/event-exports",
    }  # fmt: skip
    waits = cell.named("acme-nodes-1", "ec2/instance:").dependencies
    assert all(any(urn.endswith(f"::{name}") for urn in waits) for name in access)


def test_a_cell_that_has_other_shares_than_its_file_asks_for_is_refused() -> None:
    for asked, claimed in ((APART, []), ({}, CLAIMED)):
        with pytest.raises(SpecError, match="files are never moved"):
            load("aws").layout(cell_spec(storage={"kinds": asked}), place={**PLACE, "apart": claimed})


@pytest.mark.parametrize("place", [None, {}, {key: value for key, value in PLACE.items() if key != "share_arn"}])
def test_a_cell_without_a_whole_place_is_refused(place: Mapping[str, object] | None) -> None:
    with pytest.raises(SpecError, match="no place on a reef"):
        layout(cell_spec(), place=place)  # type: ignore[arg-type]


@pytest.fixture
def base(record: Callable[[Callable[[], None]], Recording], recorded: dict[str, Recording]) -> Recording:
    spec = AccountSpec.of("prod", cloud="aws", region="eu-west-1").to_json()
    if "base" not in recorded:
        recorded["base"] = record(declaring(load("aws"), Wanted(level="account", spec=spec), ACCOUNT))  # type: ignore[arg-type]
    return recorded["base"]


def test_the_permissions_are_those_of_what_programs_declare(
    record: Callable[[Callable[[], None]], Recording], base: Recording, guest: Recording, doors: Recording
) -> None:
    gold = {"placement": "dedicated", "preset": "gold", "storage": {"protocol": "smb"}, "ingress": {"polling": "redis"}}
    alone = record(declaring(load("aws"), Wanted(level="cell", spec=cell_spec(**gold).to_json()), ACCOUNT))  # type: ignore[arg-type]
    zoned = {"placement": "dedicated", "ingress": {"host": "acme.corp.example.com", "zone": "Z1"}}
    found = {"network": "", "zone": "Z1", "associate": True}
    of_others = record(
        declaring(load("aws"), Wanted(level="cell", spec=cell_spec(**zoned).to_json(), site=found), ACCOUNT)
    )  # type: ignore[arg-type]
    existing = {"placement": "dedicated", "network": {"existing": {"id": "vpc-1", "subnets": ["subnet-a", "subnet-b"]}}}
    row = {"letter": "a", "name": "eu-west-1a", "nodes": "10.1.0.16/28"}
    rows = {
        "network": "vpc-1",
        "cidr": "10.1.0.0/16",
        "zones": [row],
        "subnets": {tier: {"a": "subnet-a"} for tier in ("ingress", "nodes", "data")},
    }
    there = record(
        declaring(load("aws"), Wanted(level="cell", spec=cell_spec(**existing).to_json(), site=rows), ACCOUNT)
    )  # type: ignore[arg-type]
    programs = (base, guest, doors, alone, of_others, there)
    declared = {item.type for program in programs for item in program.resources if item.custom}
    assert {token for token in declared if not token.startswith("pulumi:")} == set(permissions("aws"))


def policies_of(base: Recording) -> dict[str, list[dict[str, object]]]:
    """Return the statements of each role, and that every document fits where it is."""
    managed = {item.name: str(item.inputs["policy"]) for item in base.of("aws:iam/policy:Policy")}
    own = {item.name: str(item.inputs["policy"]) for item in base.of("aws:iam/rolePolicy:RolePolicy")}
    attached = base.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    found: dict[str, list[dict[str, object]]] = {}
    assert all(len(text) <= policies.MANAGED_LIMIT for text in managed.values())
    for name, text in own.items():
        assert len(text) <= LONGEST
        held = [one.name.removeprefix(f"{name}-") for one in attached if one.name.startswith(f"{name}-")]
        assert len(held) <= 10  # managed policies of a role (IAM quotas)
        texts = [text, *(managed[f"account-prod-{one}"] for one in held)]
        found[name.removeprefix("account-prod-")] = [part for one in texts for part in json.loads(one)["Statement"]]
    return found


def test_one_role_only_looks_and_the_other_changes_nothing_else(base: Recording) -> None:
    found = policies_of(base)
    assert set(found) == {"preview", "apply"}
    (itself,) = [part for part in found["preview"] if part["Sid"] == "Itself"]
    assert itself["Action"] == "sts:AssumeRole"
    assert str(itself["Resource"]).endswith(":account-prod-preview")
    found["preview"].remove(itself)
    looks = {str(action).partition(":")[2] for part in found["preview"] for action in part["Action"]}  # type: ignore[attr-defined]
    assert all(action.startswith(("Describe", "Get", "List", "Decrypt")) for action in looks), looks
    assert "GetSecretValue" not in looks
    for statements in found.values():
        every = [str(action) for part in statements for action in part["Action"]]  # type: ignore[attr-defined]
        assert not [action for action in every if "*" in action.replace("ReEncrypt*", "")]
    apply = found["apply"]
    assert {action for part in found["preview"] if part["Sid"] == "Look" for action in part["Action"]} <= {  # type: ignore[attr-defined]
        action for part in apply if part["Sid"] == "Look" for action in part["Action"]  # type: ignore[attr-defined]
    }  # fmt: skip
    by_name = {part["Sid"]: part for part in apply}
    assert all("/cells/*" in arn for arn in by_name["Roles"]["Resource"])  # type: ignore[attr-defined]
    assert {"iam:PassRole", "iam:CreateRole"} <= set(by_name["Roles"]["Action"])  # type: ignore[call-overload]
    # A cell's key seals its secrets and disks: who makes them needs it, through those services alone.
    sealed = by_name["Sealed"]
    assert {"kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:Decrypt"} <= set(sealed["Action"])  # type: ignore[call-overload]
    assert sealed["Resource"] == ["arn:aws:kms:*:123456789012:key/*"]
    via = sealed["Condition"]["StringLike"]["kms:ViaService"]  # type: ignore[index]
    assert {"secretsmanager.*.amazonaws.com", "ec2.*.amazonaws.com", "s3.*.amazonaws.com"} < set(via)
    linked = by_name["ServiceRoles"]  # the first database of an account makes RDS's own role, in cellctl's name
    assert linked["Action"] == ["iam:CreateServiceLinkedRole"]
    assert linked["Resource"] == ["arn:aws:iam::123456789012:role/aws-service-role/*"]
    services = set(linked["Condition"]["StringEquals"]["iam:AWSServiceName"])  # type: ignore[index]
    assert {"rds.amazonaws.com", "elasticloadbalancing.amazonaws.com", "elasticache.amazonaws.com"} < services
    changes = [action for part in apply if part["Sid"] == "Change" for action in part["Action"]]  # type: ignore[attr-defined]
    assert not [action for action in changes if action.startswith(("iam:", "secretsmanager:Get"))]
    assert all(":secret:" in arn for arn in by_name["Secrets"]["Resource"])  # type: ignore[attr-defined]


def test_a_policy_is_split_where_it_would_be_too_long() -> None:
    actions = [f"ec2:DescribeSomethingLong{number:04d}" for number in range(500)]
    documents = policies.allowing("Look", actions)
    assert len(documents) == 3
    assert all(len(one) <= policies.MANAGED_LIMIT for one in documents)
    assert [action for one in documents for action in json.loads(one)["Statement"][0]["Action"]] == actions


def test_files_are_backed_up_every_day_into_a_vault_that_outlives_their_buckets(base: Recording) -> None:
    vault, plan = base.named("account-prod-backups", "vault:Vault"), base.named("account-prod-backups", "plan:Plan")
    assert (vault.protect, vault.inputs["forceDestroy"]) == (True, False)
    assert str(vault.inputs["kmsKeyArn"]).endswith("account-prod-key")
    (rule,) = plan.inputs["rules"]
    assert (rule["targetVaultName"], rule["schedule"], rule["lifecycle"]) == (
        "account-prod", "cron(0 5 * * ? *)", {"deleteAfter": 35},
    )  # fmt: skip
    chosen = base.named("account-prod-backups", "selection:Selection").inputs
    assert chosen["resources"] == ["arn:aws:s3:::*"]  # databases have backups of their own
    assert chosen["conditions"] == [{"stringEquals": [{"key": "aws:ResourceTag/managed-by", "value": "cellctl"}]}]
    (attached,) = [one for one in base.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment") if "backups" in one.name]
    assert str(attached.inputs["policyArn"]).endswith("/AWSBackupServiceRolePolicyForS3Backup")
    trust = json.loads(str(base.named("account-prod-backups", "role:Role").inputs["assumeRolePolicy"]))["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "backup.amazonaws.com"}]


def test_states_are_sealed_versioned_and_never_thrown_away(base: Recording) -> None:
    for label in ("state", "logs"):
        bucket = base.named(f"account-prod-{label}", "s3/bucket:Bucket")
        assert (bucket.protect, bucket.inputs["forceDestroy"]) == (True, False)
        guards = {item.type.rpartition(":")[2] for item in base.resources if item.name == f"account-prod-{label}"}
        assert {"BucketVersioning", "BucketPolicy", "BucketPublicAccessBlock", "BucketOwnershipControls"} <= guards
        policy = json.loads(str(base.named(f"account-prod-{label}", "bucketPolicy").inputs["policy"]))
        assert [part["Effect"] for part in policy["Statement"][:2]] == ["Deny", "Deny"]
        rest = [(part["Principal"]["Service"], part["Action"], part["Resource"]) for part in policy["Statement"][2:]]
        writer = ("logdelivery.elasticloadbalancing.amazonaws.com", "s3:PutObject")
        assert [one[:2] for one in rest] == ([writer] if label == "logs" else [])
        assert all(one[2].endswith("/*/AWSLogs/123456789012/*") for one in rest)
        sealing = base.named(f"account-prod-{label}", "ServerSideEncryption").inputs["rules"]
        seal = sealing[0]["applyServerSideEncryptionByDefault"]  # type: ignore[index]
        assert seal["sseAlgorithm"] == ("aws:kms" if label == "state" else "AES256")
    assert str(base.outputs["state"]).startswith("s3://account-prod-state-")
    assert base.outputs["secrets"] == "awskms:///alias/cellctl-prod?region=eu-west-1"
