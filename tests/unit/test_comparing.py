"""One cell on two clouds: every difference is explained, and nothing is explained that is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cellctl.errors import SpecError
from cellctl.facts.conditions import at
from cellctl.facts.promises import topics
from cellctl.run.comparing import Comparison, compare, on_cloud
from cellctl.spec import CellSpec
from cellctl.views.clouds_text import clouds_text

REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}


def cell(cloud: str = "aws", **body: object) -> CellSpec:
    given = {"cloud": cloud, "account": "sandbox", "region": REGIONS[cloud], **body}
    return CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": given})


WEB = {"balancer": "application_gateway", "certificate": "https://kv-hub.vault.azure.net/secrets/web"}
CELLS: dict[str, CellSpec] = {
    "trial": cell(preset="trial"),
    "standard": cell(),
    "gold": cell(preset="gold"),
    "smb": cell(storage={"protocol": "smb"}),
    "queued": cell(ingress={"polling": "redis"}),
    "copied": cell(database={"geoBackup": True}),
    "one zone": cell(database={"multiZone": False}),
    "azure": cell("azure"),
    "azure gold": cell("azure", preset="gold"),
    "fronted": cell("azure", ingress=WEB),
    "fronted without a firewall": cell("azure", ingress={**WEB, "firewall": "off"}),
}


def differing(found: Comparison) -> set[str]:
    return {row.topic for row in found.rows if not row.same}


@pytest.mark.parametrize("kind", CELLS)
def test_each_difference_is_explained_and_nothing_else(kind: str) -> None:
    found = compare(CELLS[kind])
    assert [row.topic for row in found.rows] == [topic.name for topic in topics()]
    assert {row.topic for row in found.rows if row.difference} == differing(found)
    assert all(row.promises.keys() == {"aws", "azure"} for row in found.rows)


def test_what_is_explained_differs_for_some_cell() -> None:
    ever = set().union(*(differing(compare(spec)) for spec in CELLS.values()))
    assert {topic.name for topic in topics() if topic.difference} == ever


def test_a_cell_is_the_same_cell_on_the_other_cloud() -> None:
    spec = cell(
        preset="gold", database={"retentionDays": 21}, nodes={"count": 3}, maintenance={"window": "Mon 01:00-03:00 UTC"}
    )
    there = on_cloud(spec, "azure")
    for path in ("database.retentionDays", "nodes.count", "nodes.roles", "maintenance.window", "octopus", "preset"):
        assert at({"s": spec.to_json()["spec"]}, f"s.{path}") == at({"s": there.to_json()["spec"]}, f"s.{path}")  # type: ignore[dict-item]
    assert (there.spec.cloud, there.spec.region, there.spec.storage.backend) == ("azure", "northeurope", "azure_files")
    assert on_cloud(spec, "aws") == spec


def test_a_queue_of_tentacles_is_promised_alike_on_both_clouds() -> None:
    found = compare(cell(ingress={"polling": "redis"}))
    assert not found.missing.get("azure")
    row = next(row for row in found.rows if row.topic == "polling")
    assert row.promises["aws"].value == row.promises["azure"].value == "one port"


def test_of_a_cell_on_a_reef_it_is_said_that_it_is_compared_as_one_that_stands_alone() -> None:
    found = compare(cell("azure", placement={"reef": "r1"}))
    assert (found.reef, compare(cell("azure")).reef) == ("r1", "")
    assert found.rows == compare(cell("azure")).rows
    for one, said in ((found, True), (compare(cell("azure")), False)):
        console = Console(file=io.StringIO(), width=400)
        console.print(clouds_text(one))
        assert ("! it stands on reef r1, and is compared as one that stands alone" in console.file.getvalue()) is said  # type: ignore[attr-defined]


def test_of_what_a_cell_borrows_it_is_said_that_it_is_compared_as_one_that_has_its_own() -> None:
    key = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub/keys/cells"
    found = compare(cell("azure", protection={"key": key}))
    assert (found.borrowed, compare(cell("azure")).borrowed) == (("protection.key",), ())
    console = Console(file=io.StringIO(), width=400)
    console.print(clouds_text(found))
    assert "! it is compared as one that has its own of what protection.key names" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_cell_that_its_own_cloud_refuses_is_an_error() -> None:
    with pytest.raises(SpecError):
        compare(cell(region="nowhere-1"))


def test_a_stack_that_does_not_keep_a_promise_is_named() -> None:
    stack = [("aws:rds/instance:Instance", {"multiAz": True, "backupRetentionPeriod": 7.0})]
    broken = compare(cell(), stack=stack).broken
    assert any(text.startswith("database-time: no aws:rds/instance:Instance") for text in broken)
    assert not any(text.startswith("database-zone") for text in broken)


BORROWED: dict[str, dict[str, object]] = {
    "network": {"network": {"existing": {"id": "vpc-0123456789abcdef0", "subnets": ["subnet-1", "subnet-2"]}}},
    "zone": {"ingress": {"zone": "Z0123456789ABCDEFGHIJ"}},
    "key": {"protection": {"key": "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"}},
    "reef": {"placement": {"reef": "r1"}},
}


@pytest.mark.parametrize("kind", BORROWED)
def test_a_cell_that_stands_on_what_others_have_is_compared_as_one_that_stands_alone(kind: str) -> None:
    spec = cell(**BORROWED[kind])
    alone = compare(cell())
    found = compare(spec, stack=[("aws:rds/instance:Instance", {"multiAz": False})])
    assert [row.promises for row in found.rows] == [row.promises for row in alone.rows]
    assert (found.missing, found.broken) == ({}, ())


def test_a_gateway_is_compared_in_its_own_words_and_the_other_cloud_leaves_it_out() -> None:
    found = {row.topic: row for row in compare(cell("azure", ingress={**WEB, "firewall": "prevent"})).rows}
    assert found["encryption-web"].promises["azure"].value == "tls to the gateway, tls to the node"
    assert "speaks TLS to them too" in found["encryption-web"].difference
    assert "4 GB" in found["upload"].promises["azure"].says
    assert "port 80" not in found["probe"].difference  # the topic's words are the load balancer's
    assert found["polling"].difference  # and where a promise has none of its own they stand
    aws = on_cloud(cell("azure", ingress=WEB), "aws").spec.ingress
    assert (aws.balancer, aws.certificate, aws.firewall) == ("load_balancer", None, None)
