"""The Azure layout is pure, legal and stable: names, subnets, ports, refusals."""

from __future__ import annotations

import ipaddress
import json
import pickle
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellctl import facts as cloud_facts
from cellctl.errors import SpecError
from cellctl.spec import CellSpec
from cellctl_components.azure import facts
from cellctl_components.azure.layout import AzureLayout, azure_layout
from cellctl_components.azure.names import AzureNames, names

GOLDEN = Path(__file__).parent / "azure_layouts.golden.jsonl"

SERVICES = {
    "resource_group": ("azure-native:resources:ResourceGroup", "resourceGroupName"),
    "storage_account": ("azure-native:storage:StorageAccount", "accountName"),
    "sql_server": ("azure-native:sql:Server", "serverName"),
    "database": ("azure-native:sql:Database", "databaseName"),
    "vault": ("azure-native:keyvault:Vault", "vaultName"),
    "identity": ("azure-native:managedidentity:UserAssignedIdentity", "resourceName"),
    "workspace": ("azure-native:operationalinsights:Workspace", "workspaceName"),
}

cell_names = st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,9}){0,2}", fullmatch=True).filter(
    lambda n: 2 <= len(n) <= 32
)
regions = st.sampled_from([region for region in facts.regions() if facts.zones(region)])


def spec_of(name: str = "acme", region: str = "westeurope", account: str = "sandbox", **body: object) -> CellSpec:
    return CellSpec.model_validate(
        {"metadata": {"name": name}, "spec": {"cloud": "azure", "account": account, "region": region, **body}}
    )


def legal(service: str, name: str) -> bool:
    token, argument = SERVICES[service]
    known = cloud_facts.of(token)
    assert known is not None
    return re.search(known.names[argument], name) is not None


def every_name(found: AzureNames) -> dict[str, str]:
    return {service: getattr(found, service) for service in AzureNames.__slots__}


@given(cell=cell_names, account=cell_names, incarnation=st.integers(1, 10_000))
def test_names_are_legal_in_every_service(cell: str, account: str, incarnation: int) -> None:
    found = every_name(names(account=account, cell=cell, incarnation=incarnation))
    assert [service for service in SERVICES if not legal(service, found[service])] == []
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,61}[a-z0-9]", found["dns_label"])
    assert "--" not in found["vault"]


@given(cell=st.sampled_from(["microsoft", "my-windows-farm", "windows-microsoft", "windows"]))
def test_words_azure_reserves_never_reach_global_names(cell: str) -> None:
    found = names(account="sandbox", cell=cell, incarnation=1)
    for name in (found.storage_account, found.sql_server, found.vault, found.dns_label):
        assert not re.search("microsoft|windows", name)


def test_ten_thousand_cells_have_ten_thousand_names_in_every_service() -> None:
    cells = [
        f"{'a-rather-long-name-for-a-cell-' if i % 2 else 'c'}{i:x}"[-32:].lstrip("-0123456789") for i in range(10_000)
    ]
    assert len(set(cells)) == 10_000
    found = [every_name(names(account="prod", cell=cell, incarnation=1)) for cell in cells]
    assert {service: len({each[service] for each in found}) for service in found[0]} == dict.fromkeys(found[0], 10_000)


def test_an_account_and_an_incarnation_of_its_own_make_other_global_names() -> None:
    held = ("storage_account", "sql_server", "vault", "identity", "workspace", "dns_label")
    first = every_name(names(account="prod", cell="acme", incarnation=1))
    for other in (
        every_name(names(account="prod", cell="acme", incarnation=2)),
        every_name(names(account="test", cell="acme", incarnation=1)),
    ):
        assert [service for service in held if first[service] == other[service]] == []


def test_cells_that_begin_alike_differ_where_names_are_cut() -> None:
    one, two = (names(account="prod", cell=f"customer-portal-{end}", incarnation=1) for end in ("emea", "apac"))
    assert one.vault != two.vault
    assert one.storage_account != two.storage_account


networks = st.builds(
    lambda second, third, prefix: str(ipaddress.IPv4Network((f"10.{second}.{third}.0", prefix), strict=False)),
    st.integers(0, 254),
    st.integers(0, 255),
    st.integers(16, 24),
)


@settings(max_examples=60)
@given(cidr=networks, count=st.integers(2, 8), region=regions)
def test_subnets_never_overlap_and_hold_their_nodes(cidr: str, count: int, region: str) -> None:
    layout = azure_layout(spec_of(region=region, nodes={"count": count}, network={"cidr": cidr}))
    plan = layout.network
    subnets = [subnet.cidr for subnet in plan.node_subnets] + [plan.ingress_cidr, plan.endpoint_cidr]
    found = sorted(ipaddress.IPv4Network(subnet) for subnet in subnets)
    assert all(not left.overlaps(right) for left, right in pairwise(found))
    assert all(subnet.subnet_of(ipaddress.IPv4Network(cidr)) for subnet in found)
    places = {subnet.name: ipaddress.IPv4Network(subnet.cidr) for subnet in plan.node_subnets}
    addresses = [ipaddress.IPv4Address(node.address) for node in layout.nodes]
    assert len(set(addresses)) == count
    for node, address in zip(layout.nodes, addresses, strict=True):
        usable = list(places[node.subnet])[4:-1]
        assert address in usable
    assert ipaddress.IPv4Address(layout.ingress.address) in list(ipaddress.IPv4Network(plan.ingress_cidr))[4:-1]


def test_nodes_are_spread_over_zones_and_have_polling_ports_of_their_own() -> None:
    layout = azure_layout(spec_of(nodes={"count": 5}))
    assert [node.zone for node in layout.nodes] == ["1", "2", "3", "1", "2"]
    assert [node.poll_port for node in layout.nodes] == [10943, 10944, 10945, 10946, 10947]
    assert {node.zone for node in layout.nodes} == {subnet.zone for subnet in layout.network.node_subnets}


def test_more_nodes_move_no_node_that_is_there() -> None:
    small, large = (azure_layout(spec_of(nodes={"count": count})) for count in (2, 8))
    assert large.nodes[:2] == small.nodes
    assert large.network.node_subnets[:2] == small.network.node_subnets


def test_ui_nodes_take_no_tasks() -> None:
    layout = azure_layout(spec_of(nodes={"count": 2, "roles": ["ui", "worker"]}))
    assert [node.task_cap for node in layout.nodes] == [0, 10]


def test_every_kind_of_file_has_a_share_of_at_least_the_minimum() -> None:
    trial, gold = (azure_layout(spec_of(preset=preset)) for preset in ("trial", "gold"))
    kinds = ["packages", "artifacts", "task_logs", "imports", "event_exports"]
    assert [share.kind for share in trial.storage.shares] == kinds
    assert [share.size_gib for share in trial.storage.shares] == [100] * 5
    assert [share.size_gib for share in gold.storage.shares] == [1000, 500, 300, 100, 100]
    assert sum(share.size_gib for share in gold.storage.shares) == 2000


APART = {"packages": {"storageAccount": "feed"}, "taskLogs": {"storageAccount": "logs", "tier": "standard_v2"}}


def test_kinds_of_files_are_placed_in_accounts_of_their_own() -> None:
    layout = azure_layout(spec_of(storage={"kinds": {**APART, "imports": {"storageAccount": "feed"}}}))
    assert [share.kind for share in layout.storage.shares] == ["artifacts", "event_exports"]
    found = {each.label: [share.kind for share in each.shares] for each in layout.apart}
    assert found == {"feed": ["packages", "imports"], "logs": ["task_logs"]}
    assert [each.sku for each in layout.accounts] == ["Premium_ZRS", "Premium_ZRS", "StandardV2_ZRS"]
    (logs,) = layout.apart[1].shares
    assert (logs.size_gib, logs.iops > 0, layout.apart[1].media) == (75, True, "HDD")  # 15 % of 500, above the least
    whole = azure_layout(spec_of())
    assert (whole.apart, whole.storage.account) == ((), layout.storage.account)
    feed = next(share for share in whole.storage.shares if share.kind == "packages")
    assert layout.apart[0].shares[0] == feed  # a place, and nothing else of it


def test_names_of_accounts_apart_are_legal_and_distinct_by_cell_label_and_incarnation() -> None:
    one = {"storage": {"kinds": {"packages": {"storageAccount": "a-rather-long-label"}}}}
    other = {"storage": {"kinds": {"packages": {"storageAccount": "a-rather-long-labex"}}}}
    layouts = [
        azure_layout(spec_of("windows-customer", **one)), azure_layout(spec_of("windows-customer", **other)),
        azure_layout(spec_of("windows-customer", **one), incarnation=2), azure_layout(spec_of("acme", **one)),
    ]  # fmt: skip
    names = [each.account for layout in layouts for each in layout.accounts]
    assert len(set(names)) == len(names) - 1  # the two labels leave the cell's own account what it is
    assert all(re.fullmatch("[a-z0-9]{3,24}", name) and "windows" not in name for name in names)


def test_nodes_with_a_queue_have_their_share_in_the_account_of_the_cell() -> None:
    layout = azure_layout(spec_of(storage={"kinds": APART}, ingress={"polling": "redis"}))
    assert layout.storage.shares[-1].kind == "cluster"
    assert "cluster" not in {share.kind for each in layout.apart for share in each.shares}


def test_presets_choose_redundancy() -> None:
    trial, standard, gold = (azure_layout(spec_of(preset=preset)).database for preset in ("trial", "standard", "gold"))
    assert (trial.zone_redundant, standard.zone_redundant, gold.zone_redundant) == (False, True, True)
    assert (standard.backup_redundancy, gold.backup_redundancy) == ("Zone", "GeoZone")
    assert (gold.tier, gold.retention_days) == ("BusinessCritical", 35)


def test_a_layout_is_pure_and_picklable() -> None:
    spec = spec_of(name="acme")
    layout = azure_layout(spec, incarnation=3)
    assert pickle.loads(pickle.dumps(layout)) == layout == azure_layout(spec, incarnation=3)
    assert json.loads(json.dumps(layout.to_json())) == layout.to_json()
    assert isinstance(layout, AzureLayout)


KINDS = ("packages", "artifacts", "taskLogs", "imports", "eventExports")


def problems_of(spec: CellSpec) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        azure_layout(spec)
    return {problem.field: f"{problem.message} / {problem.hint}" for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"region": "eu-west-1"}, "spec.region", "Azure has no region 'eu-west-1'"),
        ({"region": "westeurpe"}, "spec.region", "did you mean westeurope?"),
        ({"region": "westus"}, "spec.region", "no availability zones"),
        ({"region": "ukwest"}, "spec.region", "uksouth has three"),
        ({"region": "polandcentral", "database": {"geoBackup": True}}, "spec.database.geoBackup", "no paired region"),
        (
            {"storage": {"kinds": {"taskLogs": {"tier": "standard_v2"}}}},
            "spec.storage.kinds.taskLogs.tier",
            "is of an account apart, and none is named / storageAccount: tasklogs",
        ),
        (
            {
                "storage": {
                    "kinds": {
                        "packages": {"storageAccount": "feed", "tier": "premium"},
                        "imports": {"storageAccount": "feed"},
                    }
                }
            },
            "spec.storage.kinds.imports.tier",
            "differs from that of packages, and account feed, which both share",
        ),
        (
            {"storage": {"kinds": {kind: {"storageAccount": "feed"} for kind in KINDS}}},
            "spec.storage.kinds",
            "leave one kind without storageAccount",
        ),
    ],
)
def test_what_azure_cannot_do_is_refused(body: dict[str, object], field: str, words: str) -> None:
    assert words in problems_of(spec_of(**body))[field]  # type: ignore[arg-type]


def test_all_problems_come_at_once() -> None:
    found = problems_of(spec_of(region="westus", storage={"sizeGiB": 60_000}, database={"geoBackup": True}))
    assert set(found) == {"spec.region"}
    found = problems_of(
        spec_of(region="polandcentral", database={"geoBackup": True}, cloud="aws", storage={"backend": "gateway"})
    )
    assert set(found) == {"spec.cloud", "spec.database.geoBackup"}


def golden_specs() -> list[tuple[CellSpec, int]]:
    zoned = [region for region in facts.regions() if facts.zones(region) and facts.paired_region(region)]
    presets = ("trial", "standard", "gold")
    specs = []
    for index in range(100):
        body: dict[str, object] = {
            "preset": presets[index % 3],
            "nodes": {"count": 2 + index % 7},
            "network": {"cidr": f"10.{index}.0.0/{16 + index % 9}"},
        }
        if index % 5 == 0:
            body["ingress"] = {"exposure": "public", "allow": ["20.30.40.0/24"], "host": f"c{index}.example.com"}
        name = f"{'long-customer-name-' if index % 4 == 0 else 'c'}{index}"
        specs.append((spec_of(name, zoned[index % len(zoned)], ("sandbox", "prod")[index % 2], **body), 1 + index % 3))
    return specs


def test_the_golden_layouts_never_change() -> None:
    """A change here renames or moves what customers have: it needs a migration, not a new golden."""
    wanted = GOLDEN.read_text(encoding="utf-8").splitlines()
    found = [json.dumps(azure_layout(spec, incarnation=n).to_json(), sort_keys=True) for spec, n in golden_specs()]
    assert len(wanted) == 100
    assert [line for line in found if line not in wanted] == []
    assert found == wanted
