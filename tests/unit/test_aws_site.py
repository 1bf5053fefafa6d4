"""What cells find in an account: every rule of an existing network, zone and key, and what is frozen of them."""

from __future__ import annotations

import copy
import ipaddress
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellctl.errors import GuardError, SpecError
from cellctl.facts.sites import services_named
from cellctl.run import siting
from cellctl.spec import CellSpec
from cellctl.spec.reef import ReefSpec
from cellctl.spec.reef_rules import findings
from cellctl_components.aws import firewall, site
from cellctl_components.aws.reef_layout import reef_layout
from cellctl_components.aws.resolve import layout

VPC, KEY, ZONE = "vpc-1", "arn:aws:kms:eu-west-1:1:key/k", "Z1"
NODES, DATA, PUBLIC = ["subnet-n-a", "subnet-n-b"], ["subnet-d-a", "subnet-d-b"], ["subnet-p-a", "subnet-p-b"]
Seen = dict[str, object]


def spec(**body: object) -> CellSpec:
    existing = {"id": VPC, "subnets": NODES, "databaseSubnets": DATA}
    basic = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "network": {"existing": existing}}
    return CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": {**basic, **body}})


def reef(**network: object) -> ReefSpec:
    existing = {"id": VPC, "subnets": NODES, **network}
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "network": {"existing": existing}}
    return ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": {**body, "maxCells": 10}})


def subnet(zone: str, cidr: str, out: str = "nat") -> Seen:
    return {
        "network": VPC, "zone": f"eu-west-1{zone}", "cidr": cidr, "free": 200, "table": f"rtb-{zone}", "out": out,
        "storage": True, "taken": [], "reserved": [],
    }  # fmt: skip


def seen() -> Seen:
    admits = [{"first": 443, "last": 443, "cidr": "10.0.0.0/8"}, {"first": 1026, "last": 2222, "cidr": "10.1.0.0/16"}]
    return {
        "network": {
            "state": "available", "cidr": "10.1.0.0/16", "own": True, "owner": "1", "tenancy": "default",
            "dnsSupport": True, "dnsHostnames": True,
        },
        "subnets": {
            **{name: subnet(name[-1], f"10.1.{number}.0/24") for number, name in enumerate(NODES)},
            **{name: subnet(name[-1], f"10.1.1{number}.0/24", "") for number, name in enumerate(DATA)},
            **{name: subnet(name[-1], f"10.1.2{number}.0/24", "internet") for number, name in enumerate(PUBLIC)},
        },
        "storage": "pl-1",
        "groups": ["default"],
        "zones": ["other.example.com"],
        "endpoint": {
            "network": VPC, "service": "com.amazonaws.eu-west-1.storagegateway", "type": "Interface",
            "state": "available", "privateDns": False, "dns": "vpce-1.storagegateway", "admits": admits,
        },
        "zone": {"name": "corp.example.com", "private": True, "networks": [VPC], "records": []},
        "key": {
            "state": "Enabled", "spec": "SYMMETRIC_DEFAULT", "manager": "CUSTOMER",
            "services": ["logs.eu-west-1.amazonaws.com", "cloudwatch.amazonaws.com"],
        },
    }  # fmt: skip


def with_all() -> CellSpec:
    existing = {"id": VPC, "subnets": NODES, "balancerSubnets": PUBLIC, "databaseSubnets": DATA, "gatewayEndpoint": "v"}
    ingress = {"host": "acme.corp.example.com", "zone": ZONE, "exposure": "public", "allow": ["52.0.0.0/16"]}
    return spec(network={"existing": existing}, ingress=ingress, protection={"key": KEY})


def settled(one: CellSpec | ReefSpec, found: Seen, *, exists: bool = False) -> dict[str, object]:
    questions: list[object] = []

    def look(question: object) -> Seen:
        questions.append(question)
        return found

    done = site.settle(one, look, exists=exists)  # type: ignore[arg-type]
    assert json.loads(json.dumps(questions)) == questions
    return done  # type: ignore[return-value]


def codes(one: CellSpec | ReefSpec, found: Seen, *, exists: bool = False) -> set[str]:
    try:
        settled(one, found, exists=exists)
    except GuardError as error:
        objected = error.objections
    else:
        return set()
    assert all(item.reason and item.remedy for item in objected)
    return {item.code for item in objected}


def test_a_reef_of_aws_names_nothing_of_azures_networks() -> None:
    found = [*findings(reef(privateZones="/group", gatewaySubnets=["/subnet"]))]
    assert [one.field.rpartition(".")[2] for one in found] == ["privateZones", "gatewaySubnets"]
    assert [*findings(reef())] == []


def test_what_fits_is_frozen_and_makes_a_layout() -> None:
    found = settled(with_all(), seen())
    assert json.loads(json.dumps(found)) == found
    one = layout(with_all(), site=found)  # type: ignore[arg-type]
    assert one.site is not None
    assert (one.site.network, one.site.zone, one.site.key, one.site.endpoint) == (
        VPC,
        ZONE,
        KEY,
        "vpce-1.storagegateway",
    )
    assert not one.site.associate
    assert one.site.subnets == {
        "ingress": {"a": PUBLIC[0], "b": PUBLIC[1]},
        "nodes": {"a": NODES[0], "b": NODES[1]},
        "data": {"a": DATA[0], "b": DATA[1]},
    }
    blocks = {zone.letter: ipaddress.IPv4Network(zone.nodes) for zone in one.network.zones}
    assert {block.num_addresses for block in blocks.values()} == {16}
    machines = [(node.zone, node.address) for node in one.nodes.items] + [(one.gateway.zone, one.gateway.address)]
    assert all(ipaddress.IPv4Address(address) in blocks[zone] for zone, address in machines)
    assert len({address for _, address in machines}) == len(machines)
    assert one.network.cidr == "10.1.0.0/16"


def test_eight_nodes_and_a_gateway_have_room_in_a_block() -> None:
    large = spec(nodes={"count": 8, "roles": ["both"] * 8})
    one = layout(large, site=settled(large, seen()))  # type: ignore[arg-type]
    addresses = {node.address for node in one.nodes.items} | {one.gateway.address}
    assert len(addresses) == 9


def change(path: str, value: object) -> Callable[[Seen], None]:
    def apply(found: Seen) -> None:
        *way, last = path.split("/")
        inner: dict[str, object] = found
        for key in way:
            inner = inner[key]  # type: ignore[assignment]
        if value is None:
            del inner[last]
        else:
            inner[last] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("network", None, "network_missing"),
        ("network/state", "pending", "network_not_ready"),
        ("network/own", False, "network_shared"),
        ("network/tenancy", "dedicated", "network_tenancy"),
        ("network/dnsSupport", False, "dns_off"),
        ("network/dnsHostnames", False, "dns_off"),
        ("subnets/subnet-n-a", None, "subnet_missing"),
        ("subnets/subnet-d-b/network", "vpc-2", "subnet_elsewhere"),
        ("subnets/subnet-n-a/zone", "eu-west-1-lhr-1a", "zone_unknown"),
        ("subnets/subnet-n-b/zone", "eu-west-1a", "zone_twice"),
        ("subnets/subnet-d-b/zone", "eu-west-1a", "zones_few"),
        ("subnets/subnet-p-b/zone", "eu-west-1c", "zones_differ"),
        ("subnets/subnet-p-a/free", 9, "subnet_full"),
        ("subnets/subnet-d-a/free", 2, "subnet_full"),
        ("subnets/subnet-n-a/cidr", "10.1.0.0/28", "subnet_full"),
        ("subnets/subnet-n-a/out", "", "no_way_out"),
        ("subnets/subnet-n-a/out", "internet", "no_way_out"),
        ("subnets/subnet-n-b/out", "blackhole", "no_way_out"),
        ("subnets/subnet-n-b/storage", False, "no_storage_endpoint"),
        ("subnets/subnet-p-b/out", "nat", "not_public"),
        ("endpoint", None, "endpoint_missing"),
        ("endpoint/network", "vpc-2", "endpoint_wrong"),
        ("endpoint/service", "com.amazonaws.eu-west-1.ssm", "endpoint_wrong"),
        ("endpoint/type", "Gateway", "endpoint_wrong"),
        ("endpoint/state", "pending", "endpoint_wrong"),
        ("endpoint/privateDns", True, "endpoint_wrong"),
        ("endpoint/admits", [{"first": 443, "last": 2222, "cidr": "10.1.0.0/25"}], "endpoint_closed"),
        ("endpoint/admits", [{"first": 443, "last": 1031, "cidr": "10.0.0.0/8"}], "endpoint_closed"),
        ("groups", ["cell-acme-web"], "names_taken"),
        ("subnets/subnet-n-a/reserved", [{"cidr": "10.1.0.16/28", "description": "cell-acme"}], "names_taken"),
        ("zone", None, "zone_missing"),
        ("zone/name", "example.org", "zone_foreign"),
        ("zone/networks", ["vpc-2"], "zone_unseen"),
        ("zone/records", ["polling.acme.corp.example.com"], "record_taken"),
        ("key", None, "key_missing"),
        ("key/state", "PendingDeletion", "key_unusable"),
        ("key/spec", "RSA_2048", "key_unusable"),
        ("key/manager", "AWS", "key_unusable"),
        ("key/services", ["cloudwatch.amazonaws.com"], "key_policy"),
    ],
)
def test_every_rule_of_a_specialist_refuses_before_anything_is_declared(path: str, value: object, code: str) -> None:
    assert codes(with_all(), seen()) == set()
    found = copy.deepcopy(seen())
    change(path, value)(found)
    assert code in codes(with_all(), found)


def test_a_private_zone_of_the_cells_own_must_not_be_there_already() -> None:
    found = seen()
    found["zones"] = ["acme.octopus.internal"]
    assert codes(spec(), found) == {"zone_taken"}
    assert codes(spec(), found, exists=True) == set()


def test_everything_wrong_is_listed_at_once() -> None:
    found = seen()
    for path, value in (("network/dnsSupport", False), ("subnets/subnet-n-a/out", ""), ("key", None), ("zone", None)):
        change(path, value)(found)
    assert codes(with_all(), found) >= {"dns_off", "no_way_out", "key_missing", "zone_missing"}


def test_what_a_stack_has_itself_is_not_held_against_it_once_it_exists() -> None:
    found, own = seen(), {"cidr": "10.1.0.32/28", "description": "cell-acme"}
    change("groups", ["cell-acme-web", "cell-acme-nodes"])(found)
    change("zone/records", ["acme.corp.example.com"])(found)
    change("subnets/subnet-n-a/reserved", [own])(found)
    assert codes(with_all(), found) == {"names_taken", "record_taken"}
    again = settled(with_all(), found, exists=True)
    assert again["zones"][0]["nodes"] == "10.1.0.32/28"  # type: ignore[index]


def test_two_cells_in_one_network_never_share_an_address() -> None:
    found, blocks = seen(), list[str]()
    for name in ("acme", "beta", "gamma"):
        one = spec().model_copy(update={"metadata": spec().metadata.model_copy(update={"name": name})})
        zones = settled(one, found)["zones"]
        for zone, subnet_id in zip(zones, NODES, strict=True):  # type: ignore[call-overload]
            blocks.append(zone["nodes"])
            found["subnets"][subnet_id]["reserved"].append({"cidr": zone["nodes"], "description": f"cell-{name}"})  # type: ignore[index]
    parts = [ipaddress.IPv4Network(one) for one in blocks]
    assert len(parts) == 6
    assert not [1 for i, one in enumerate(parts) for two in parts[i + 1 :] if one.overlaps(two)]


@given(
    length=st.integers(20, 28),
    taken=st.sets(st.integers(0, 4095), max_size=60),
    held=st.sets(st.integers(0, 255), max_size=40),
    name=st.sampled_from(["acme", "b2", "customer-with-a-name"]),
)
def test_a_block_is_free_aligned_and_not_among_the_addresses_that_aws_keeps(
    length: int, taken: set[int], held: set[int], name: str
) -> None:
    whole = ipaddress.IPv4Network(f"10.9.0.0/{length}")
    used = [str(whole[one % whole.num_addresses]) for one in taken]
    given = [
        ipaddress.IPv4Network((int(whole[0]) + 16 * (one % max(1, whole.num_addresses // 16)), 28)) for one in held
    ]
    about = site.Asked(owner=f"cell-{name}", region="r", prefix="p", hosts=("h",), block=16)
    rows = [{"cidr": str(one), "description": "cell-other"} for one in given]
    block = site.block_of(about, {"cidr": str(whole), "taken": used, "reserved": rows})  # type: ignore[arg-type]
    kept = {
        *map(int, (whole[0], whole[1], whole[2], whole[3], whole[-1])),
        *(int(ipaddress.IPv4Address(x)) for x in used),
    }
    free = [
        one
        for one in (whole.subnets(new_prefix=28) if length <= 28 else [])
        if not any(int(one[0]) <= x <= int(one[-1]) for x in kept) and not any(one.overlaps(x) for x in given)
    ]
    assert (ipaddress.IPv4Network(block) in free) if free else block == ""


def test_a_reef_takes_room_for_all_its_cells_and_tells_them_where() -> None:
    found = seen()
    assert "subnet_full" in codes(reef(), found)  # 112 addresses in an aligned block of 128 leave none in a /24 but one
    for name in NODES:
        change(f"subnets/{name}/cidr", f"10.1.{NODES.index(name) * 16}.0/20")(found)
    done = settled(reef(), found)
    one = reef_layout(reef(), site=done)  # type: ignore[arg-type]
    assert {ipaddress.IPv4Network(zone.nodes).num_addresses for zone in one.network.zones} == {128}
    assert ipaddress.IPv4Address(one.gateways[0].host.address) in ipaddress.IPv4Network(one.network.zones[0].nodes)


def test_an_endpoint_that_is_there_needs_no_group_of_the_cell() -> None:
    named = layout(with_all(), site=settled(with_all(), seen()))  # type: ignore[arg-type]
    own = layout(spec(), site=settled(spec(), {**seen(), "endpoint": None}))  # type: ignore[arg-type]
    assert "endpoints" not in firewall.groups(named)
    assert "endpoints" in firewall.groups(own)
    out = {
        rule.peer
        for rule in firewall.rules(named, control="10.255.0.0/24")
        if rule.group == "gateway" and rule.first == 1026
    }
    assert out == {"10.1.0.0/16"}


def test_a_zone_or_key_alone_needs_no_existing_network() -> None:
    alone = spec(
        network={"cidr": "10.64.0.0/20"}, ingress={"host": "a.corp.example.com", "zone": ZONE}, protection={"key": KEY}
    )
    found = settled(alone, {key: value for key, value in seen().items() if key in ("zone", "key")})
    one = layout(alone, site=found)  # type: ignore[arg-type]
    assert one.site is not None
    assert (one.site.network, one.site.associate) == ("", True)
    assert one.network.cidr == "10.64.0.0/20"


def test_without_a_look_there_is_no_layout() -> None:
    with pytest.raises(SpecError, match="nobody has looked"):
        layout(spec())


def test_a_site_is_kept_for_what_it_was_found_for() -> None:
    before, after = spec().to_json(), with_all().to_json()
    found = {"network": VPC, siting.WANTED: siting.wants(before)}  # type: ignore[arg-type]
    assert siting.still_wanted(found, before) == found  # type: ignore[arg-type]
    assert siting.still_wanted(found, after) == {}  # type: ignore[arg-type]
    assert siting.words(before)["protection.key"] == "of its own"  # type: ignore[arg-type]
    assert siting.words(after)["network"] != siting.words(before)["network"]  # type: ignore[arg-type]


def test_a_policy_names_a_service_that_may_both_open_and_seal() -> None:
    def policy(*statements: object) -> str:
        return json.dumps({"Statement": [*statements]})

    def allow(service: object, *actions: str) -> object:
        return {"Effect": "Allow", "Principal": {"Service": service}, "Action": [*actions]}

    assert services_named(policy(allow(["a", "b"], "kms:Decrypt", "kms:GenerateDataKey*"))) == ("a", "b")
    assert services_named(policy(allow("a", "kms:*"))) == ("a",)
    assert services_named(policy(allow("a", "kms:Decrypt"), allow("a", "kms:GenerateDataKey"))) == ("a",)
    assert services_named(policy(allow("a", "kms:Decrypt"))) == ()
    assert services_named(policy({**allow("a", "kms:*"), "Effect": "Deny"})) == ()  # type: ignore[dict-item]
    assert services_named("no json") == services_named("") == ()
