"""The AWS layout is pure, legal and stable: names, subnets, addresses, windows, refusals."""

from __future__ import annotations

import ipaddress
import json
import pickle
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl.errors import NotYet, SpecError
from cellctl.spec import CellSpec
from cellctl_components import naming
from cellctl_components.aws import rules
from cellctl_components.aws.layout import AwsLayout
from cellctl_components.aws.resolve import layout
from cellctl_components.layout import facts

GOLDEN = Path(__file__).parent / "aws_layouts.golden.jsonl"
PATTERNS = {key: str(value) for key, value in facts("aws", "naming")["patterns"].items()}
LONG = ".".join([*(letter * 60 for letter in "abcd"), "example"])
REGIONS = sorted(facts("aws", "regions")["zones"])

cell_names = st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,9}){0,2}", fullmatch=True).filter(
    lambda name: 2 <= len(name) <= 32 and name not in {"con", "prn", "aux", "nul", "all", "any", "none", "home"}
)
cidrs = st.builds(
    lambda second, third, prefix: str(ipaddress.IPv4Network(f"10.{second}.{third}.0/{prefix}", strict=False)),
    st.integers(0, 254),
    st.integers(0, 255),
    st.integers(16, 23),
)  # 10.255.0.0/24 is where cellctl runs, and refused by `cellctl.spec`
windows = st.builds(
    lambda day, begin, hours: f"{day} {begin:02d}:30-{(begin + hours) % 24:02d}:30 UTC",
    st.sampled_from(["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]),
    st.integers(0, 23),
    st.integers(1, 8),
)


def spec(name: str = "acme", *, region: str = "eu-west-1", preset: str = "standard", **body: object) -> CellSpec:
    given_body = {"cloud": "aws", "account": "sandbox", "region": region, "preset": preset, **body}
    return CellSpec.model_validate({"metadata": {"name": name}, "spec": given_body})


def names_of(plan: AwsLayout) -> dict[str, list[str]]:
    """Every name of a cell, by the rule of its service."""
    database, gateway = plan.database, plan.gateway
    return {
        "bucket": [
            *(share.bucket for share in plan.for_account("123456789012").shares),
            plan.for_account("123456789012").database.backup_bucket,
        ],
        "db_instance": [database.identifier],
        "db_snapshot": [database.final_snapshot],
        "db_group": [database.group],
        "database": [database.name],
        "load_balancer": [plan.ingress.web_name, plan.ingress.polling_name],
        "target_group": [plan.ingress.web_target, *(node.polling_target for node in plan.nodes.items)],
        "role": [
            gateway.role,
            plan.nodes.role,
            database.monitoring_role,
            plan.network.flow_log_role,
            database.backup_role,
        ],
        "secret": [plan.secrets.master_key, plan.secrets.database_login, plan.secrets.administrator],
        "alias": [plan.secrets.key_alias],
        "log_group": [plan.network.flow_log_group, gateway.log_group],
        "topic": [plan.alarms.topic],
        "alarm": [f"{plan.alarms.prefix}-gateway-availability"],
        "gateway": [gateway.name],
        "share": [share.name for share in plan.shares],
        "security_group": [f"{plan.network.name}-endpoints"],
        "node": [node.name for node in plan.nodes.items],
    }


@settings(max_examples=60, deadline=None)
@given(name=cell_names, region=st.sampled_from(REGIONS), incarnation=st.integers(1, 99), count=st.integers(2, 8))
def test_every_name_is_what_its_service_accepts(name: str, region: str, incarnation: int, count: int) -> None:
    plan = layout(spec(name, region=region, nodes={"count": count}), incarnation=incarnation)
    for service, found in names_of(plan).items():
        for one in found:
            assert naming.matches(PATTERNS[service], one), f"{service} refuses {one}"
        assert len(set(found)) == len(found)


def test_every_rule_for_names_is_tested() -> None:
    assert set(names_of(layout(spec()))) == set(PATTERNS)


def test_ten_thousand_cells_share_no_name() -> None:
    """Names of 32 characters that differ at their end are the hardest: every service that shortens cuts them there."""
    base = layout(spec("a" * 26 + "-00000"))
    regions_ = "eu-west-1"
    seen: dict[str, set[str]] = {}
    for number in range(10_000):
        cell = f"{'a' * 26}-{number:05d}"
        made = {
            "load_balancer": naming.cell_name(cell, "web", limit=32),
            "target_group": naming.cell_name(cell, "poll-1", limit=32),
            "db_instance": naming.cell_name(cell, "sql", limit=63),
            "role": naming.cell_name(cell, "rds-monitoring", limit=64),
            "bucket": naming.distinct(f"cell-{cell}-event-exports", 63, "sandbox", regions_, "1"),
            "node": naming.node_name(cell, 1),
            "database": naming.database_name(cell, 1),
        }
        for service, one in made.items():
            seen.setdefault(service, set()).add(one)
    assert {service: len(found) for service, found in seen.items()} == dict.fromkeys(seen, 10_000)
    # … and these are the very calls that layouts make.
    assert base.ingress.web_name == naming.cell_name("a" * 26 + "-00000", "web", limit=32)
    assert base.shares[4].bucket in {naming.distinct(f"cell-{base.cell}-event-exports", 63, "sandbox", regions_, "1")}


@settings(max_examples=60, deadline=None)
@given(cidr=cidrs, region=st.sampled_from(REGIONS), count=st.integers(2, 8), preset=st.sampled_from(["trial", "gold"]))
def test_subnets_lie_inside_never_overlap_and_hold_the_fixed_addresses(
    cidr: str, region: str, count: int, preset: str
) -> None:
    plan = layout(spec(region=region, preset=preset, network={"cidr": cidr}, nodes={"count": count}))
    whole = ipaddress.IPv4Network(cidr)
    zones = {zone.letter: zone for zone in plan.network.zones}
    subnets = [
        ipaddress.IPv4Network(block)
        for zone in zones.values()
        for block in (zone.public, zone.ingress, zone.nodes, zone.data)
    ]
    assert all(subnet.subnet_of(whole) and subnet.prefixlen <= 27 for subnet in subnets)
    assert not any(first.overlaps(second) for first, second in combinations(subnets, 2))
    addresses = [(plan.gateway.zone, plan.gateway.address), *((node.zone, node.address) for node in plan.nodes.items)]
    assert len({address for _, address in addresses}) == count + 1
    for zone, address in addresses:
        subnet = ipaddress.IPv4Network(zones[zone].nodes)
        inside = ipaddress.IPv4Address(address)
        # AWS keeps the first four addresses of a subnet and the last.
        assert subnet.network_address + 3 < inside < subnet.broadcast_address


@pytest.mark.parametrize("region", REGIONS)
def test_a_cell_spreads_over_three_zones_where_the_region_has_them(region: str) -> None:
    plan = layout(spec(region=region, preset="gold"))
    assert len(plan.network.zones) == min(3, len(rules.zone_letters(region))) >= 2
    assert len({node.zone for node in plan.nodes.items}) == min(3, len(plan.network.zones))


@settings(max_examples=80, deadline=None)
@given(window=windows)
def test_backups_never_run_into_maintenance(window: str) -> None:
    database = layout(spec(maintenance={"window": window})).database
    first, last = database.maintenance_window.split("-")
    days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    def minute(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    begin = days.index(first[:3]) * 1440 + minute(first[4:])
    end = days.index(last[:3]) * 1440 + minute(last[4:])
    week = 7 * 1440
    busy = {at % week for at in range(begin, end if end > begin else end + week)}
    backup_begin, backup_end = (minute(part) for part in database.backup_window.split("-"))
    length = (backup_end - backup_begin) % 1440
    assert length >= 30
    backups = {(day * 1440 + backup_begin + at) % week for day in range(7) for at in range(length)}
    assert not busy & backups


@pytest.mark.parametrize(
    ("size", "capacity", "machine", "root"),
    [
        (100, "Small", "m5.xlarge", 80),
        (5000, "Small", "m5.xlarge", 80),
        (5001, "Medium", "m5.2xlarge", 350),
        (10_001, "Large", "m5.4xlarge", 350),
    ],
)
def test_a_gateway_of_more_files_knows_more_of_them(size: int, capacity: str, machine: str, root: int) -> None:
    gateway = layout(spec(storage={"sizeGiB": size})).gateway
    assert (gateway.capacity, gateway.instance_type, gateway.root_gib) == (capacity, machine, root)


@pytest.mark.parametrize(
    ("database", "field", "said"),
    [
        ({"edition": "web"}, "spec.database.multiZone", "no second zone"),
        ({"edition": "enterprise", "tier": "small"}, "spec.database.tier", "not sold on db.m6i.large"),
    ],
)
def test_an_edition_is_refused_where_rds_does_not_have_it(database: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        layout(spec(database=database))
    assert [(one.field, said in one.message) for one in refused.value.problems] == [(field, True)]


def test_a_cache_has_the_disks_that_are_asked_for() -> None:
    """A cache that runs grows by a disk more: what it has is not known to a layout."""
    assert layout(spec(storage={"sizeGiB": 2000})).gateway.cache_gib == (400,)
    grown = layout(spec(storage={"sizeGiB": 2000, "cacheGiB": [150, 250]}))
    assert grown.gateway.cache_gib == (150, 250)
    with pytest.raises(ValueError, match="150"):
        spec(storage={"cacheGiB": [100]})
    with pytest.raises(ValueError, match="of a gateway of the cell's own"):
        spec(placement={"reef": "r1"}, storage={"cacheGiB": [150]})


def test_cache_is_within_the_limits_of_the_service() -> None:
    for size in (100, 500, 751, 20_000, 102_400):
        cache = layout(spec(storage={"sizeGiB": size})).gateway.cache_gib
        assert 150 <= sum(cache) <= 65_536
        assert all(150 <= volume <= 16_384 for volume in cache)
        assert sum(cache) >= size / 5


def test_names_that_outlive_deletion_change_with_the_incarnation() -> None:
    first, second = layout(spec()), layout(spec(), incarnation=2)
    assert first.database.final_snapshot != second.database.final_snapshot
    assert not {share.bucket for share in first.shares} & {share.bucket for share in second.shares}
    one, two = first.secrets, second.secrets
    assert {one.master_key, one.database_login, one.administrator, one.guest}.isdisjoint(
        {two.master_key, two.database_login, two.administrator, two.guest}
    )


def test_two_accounts_never_make_the_same_bucket() -> None:
    plan = layout(spec())
    one, other = plan.for_account("123456789012"), plan.for_account("210987654321")
    assert not {share.bucket for share in one.shares} & {share.bucket for share in other.shares}
    assert plan.for_account("123456789012") == one


def test_ten_shares_of_which_five_carry_files() -> None:
    shares = layout(spec()).shares
    assert [share.kind for share in shares] == [
        "packages", "artifacts", "task-logs", "imports", "event-exports", "", "", "", "", "",
    ]  # fmt: skip
    assert [share.index for share in shares] == list(range(1, 11))


def test_default_protocol_has_client_lists_and_both_are_allowed() -> None:
    assert layout(spec()).gateway.protocol == "nfs"
    assert layout(spec(storage={"protocol": "smb"})).gateway.protocol == "smb"


def test_layouts_are_values() -> None:
    plan = layout(spec())
    assert pickle.loads(pickle.dumps(plan)) == plan == layout(spec())
    assert json.loads(json.dumps(plan.to_json())) == plan.to_json()
    with pytest.raises(AttributeError):
        plan.cell = "other"  # type: ignore[misc]


def test_all_problems_are_listed_at_once() -> None:
    body = {"region": "eu-wst-1", "network": {"cidr": "10.0.0.0/24"}, "ingress": {"host": "acme.amazonaws.com"}}
    with pytest.raises(SpecError) as caught:
        layout(spec(**body))
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["spec.region", "spec.network.cidr", "spec.ingress.host"]
    assert "did you mean eu-west-1?" in caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"ingress": {"host": LONG}, "octopus": {"administrator": {"email": "a@example.com"}}}, "leaves no room"),
        ({"region": "local-1"}, "no region"),
    ],
)
def test_what_aws_cannot_do_is_refused(body: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        layout(spec(**body))


def test_a_region_with_one_zone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(facts("aws", "regions")["zones"], "eu-west-1", ["a"])  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="has 1 zone"):
        layout(spec())


def test_labels_that_cellctl_sets_itself_are_refused() -> None:
    metadata = {"name": "acme", "labels": {"cell": "other", "note": "50 % off"}}
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
    with pytest.raises(SpecError) as caught:
        layout(CellSpec.model_validate({"metadata": metadata, "spec": body}))
    assert len(caught.value.problems) == 2


def test_an_option_of_a_later_version_is_not_yet() -> None:
    later = spec().model_copy(deep=True)
    body = later.spec.model_copy(update={"storage": later.spec.storage.model_copy(update={"backend": "fsx"})})
    with pytest.raises(NotYet, match="FSx"):
        layout(later.model_copy(update={"spec": body}))


def golden_specs() -> list[tuple[CellSpec, int]]:
    """A hundred specs that differ in everything a layout reads."""
    hosts = ["acme.example.com", "octopus.a-rather-long-label.of-a-customer.example.org"]
    found: list[tuple[CellSpec, int]] = []
    for number in range(100):
        preset = ("trial", "standard", "gold")[number % 3]
        name = f"{'cell-of-a-customer-'[: number % 20]}{'abcdefghij'[number % 10]}{number}"
        body: dict[str, object] = {
            "account": ("sandbox", "prod")[number % 2],
            "maintenance": {
                "window": ("Sun 02:00-04:00 UTC", "Sat 22:00-02:30 UTC", "Wed 00:00-08:00 UTC")[number % 3]
            },
            "storage": {"protocol": ("nfs", "smb")[number % 2], "sizeGiB": 100 + number * 1000},
            "network": {"cidr": f"10.{number}.0.0/{16 + number % 8}"},
            "ingress": {
                "host": hosts[number % 2],
                "exposure": ("internal", "public")[number % 2],
                "allow": ("10.0.0.0/8", "198.18.0.0/15", "52.0.0.0/16")[number % 2 * 2 : number % 2 * 2 + 1],
            },
            "nodes": {"count": 2 + number % 7},
            "protection": {"deletion": number % 5 > 0},
        }
        found.append((spec(name, region=REGIONS[number % len(REGIONS)], preset=preset, **body), 1 + number % 3))
    return found


def test_a_hundred_layouts_never_change() -> None:
    """Goldens: a change here changes cells that run. Rewrite the file only with an alias or a migration at hand."""
    made = [
        json.dumps(layout(one, incarnation=incarnation).to_json(), separators=(",", ":"))
        for one, incarnation in golden_specs()
    ]
    assert made == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_layout_loads_no_pulumi() -> None:
    code = "import sys, cellctl_components.aws.resolve; print([m for m in sys.modules if m.startswith('pulumi')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_digest_is_stable_and_separates_its_parts() -> None:
    assert naming.digest("a") == "zklycewkdo64"
    assert naming.digest("ab", "c") != naming.digest("a", "bc")
    assert re.fullmatch("[a-z2-7]{12}", naming.digest("acme"))


@given(name=st.text("abcdefghij-", min_size=1, max_size=80), limit=st.integers(16, 63))
def test_fitted_names_fit(name: str, limit: int) -> None:
    assert len(naming.fitted(name, limit)) <= limit
    assert (naming.fitted(name, limit) == name) == (len(name) <= limit)
