"""The rules that Octopus and the clouds set, one by one: refused in the file, or kept by every layout.

Numbers are those of our notes on Octopus (30-47) and on AWS (0 and 4); what no file can say is tested on layouts.
"""

from __future__ import annotations

import datetime
import itertools
import re

import pytest

from cellctl.errors import CellctlError
from cellctl.spec import CellSpec, refuse_pending
from cellctl.spec.advice import advice
from cellctl.spec.reading import validated
from cellctl_components.aws.layout import AwsLayout
from cellctl_components.aws.resolve import layout as aws_layout
from cellctl_components.azure.layout import AzureLayout, azure_layout

PLACES = {"aws": "eu-west-1", "azure": "westeurope"}


def spec_of(cloud: str = "aws", **body: object) -> CellSpec:
    needed = {"cloud": cloud, "account": "sandbox", "region": PLACES[cloud]}
    return validated({"metadata": {"name": "acme"}, "spec": {**needed, **body}})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"nodes": {"count": 1}}, "spec.nodes.count", id="30 two nodes at least"),
        pytest.param({"nodes": {"count": 9}}, "spec.nodes.count", id="30 eight nodes at most"),
        pytest.param({"nodes": {"size": "small"}, "octopus": {"taskCap": 11}}, "small node carries 10", id="31 tasks"),
        pytest.param({"nodes": {"versions": ["a", "b"]}}, "spec.nodes.versions", id="32 one version for all nodes"),
        pytest.param({"nodes": {"os": ["windows", "linux"]}}, "spec.nodes.os", id="33 one system for all nodes"),
        pytest.param({"octopus": {"version": "2021.1.0"}}, "older than 2022.4.0", id="34 key can be handled"),
        pytest.param({"octopus": {"taskCap": 0}}, "spec.octopus.taskCap", id="38 no cap of zero by accident"),
        pytest.param({"nodes": {"roles": ["ui", "ui"]}}, "no node would run tasks", id="39 someone works"),
        pytest.param({"nodes": {"roles": ["worker", "worker"]}}, "no node would serve the web", id="39 someone serves"),
        pytest.param(
            {"nodes": {"count": 3}, "octopus": {"licence": {"secret": "x", "nodeLimit": 2}}},
            "licence allows 2",
            id="40 licence",
        ),
        pytest.param({"database": {"region": "us-east-1"}}, "spec.database.region", id="43 one region"),
        pytest.param({"storage": {"region": "us-east-1"}}, "spec.storage.region", id="43 one region for files"),
        pytest.param({"nodes": {"readOnly": True}}, "spec.nodes.readOnly", id="44 no node that only reads"),
        pytest.param({"storage": {"backend": "ebs"}}, "spec.storage.backend", id="8 no disk of one machine"),
        pytest.param(
            {"placement": {"reef": "r1"}, "storage": {"protocol": "smb"}},
            "needs a user of its domain",
            id="SMB on a shared gateway",
        ),
    ],
)
def test_what_octopus_cannot_run_is_refused(body: dict[str, object], words: str) -> None:
    with pytest.raises(CellctlError, match=re.escape(words)):
        spec_of(**body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"storage": {"backend": "fsx", "protocol": "smb"}}, "FSx", id="0.1 storage without one machine"),
    ],
)
def test_what_comes_later_is_not_yet(body: dict[str, object], words: str) -> None:
    with pytest.raises(CellctlError, match=words):
        refuse_pending(spec_of(**body))


def test_a_certificate_that_nodes_may_not_read_yet_is_a_warning() -> None:
    vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-web"
    assert advice(spec_of(cloud="azure", region="westeurope", ingress={"certificate": f"{vault}/secrets/w"})) == ()
    address = {"certificate": "https://kv-web.vault.azure.net/secrets/w"}
    (said,) = advice(spec_of(cloud="azure", region="westeurope", ingress=address))
    assert said.startswith("nodes start only once whoever has kv-web.vault.azure.net lets")


def test_more_than_six_nodes_are_built_with_a_warning() -> None:
    assert advice(spec_of(nodes={"count": 6}, octopus={"taskCap": 5})) == ()
    (said,) = advice(spec_of(nodes={"count": 7}, octopus={"taskCap": 5}))
    assert "not beyond 6" in said


@pytest.mark.parametrize("cloud", PLACES)
def test_a_database_that_is_too_small_for_its_nodes_is_built_with_a_warning(cloud: str) -> None:
    for preset in ("trial", "standard", "gold"):
        assert advice(spec_of(cloud, preset=preset)) == ()
    two = {"octopus": {"taskCap": 20}, "database": {"tier": "small"}}
    (said,) = advice(spec_of(cloud, **two))
    assert said.startswith("40 tasks at once on a small database: Octopus' sizing has 20 for it")
    assert said.endswith("database.tier: standard")
    assert advice(spec_of(cloud, nodes={"roles": ["both", "ui"]}, **two)) == ()
    (said,) = advice(spec_of(cloud, octopus={"taskCap": 40}, nodes={"size": "large", "count": 3}))
    assert said.endswith("lower octopus.taskCap")
    assert advice(spec_of(cloud, placement={"reef": "r1"}, **two)) == ()


def aws_layouts() -> list[AwsLayout]:
    tiers, sizes = ("small", "standard", "large"), (100, 102_400)
    windows = ("Sun 02:00-04:00 UTC", "Mon 22:30-23:30 UTC", "Wed 00:00-06:00 UTC")
    return [
        aws_layout(spec_of(database={"tier": tier}, storage={"sizeGiB": size}, maintenance={"window": window}))
        for tier, size, window in itertools.product(tiers, sizes, windows)
    ]


AWS = aws_layouts()


@pytest.mark.parametrize("plan", AWS, ids=range(len(AWS)))
def test_no_layout_says_what_aws_refuses_only_at_the_end(plan: AwsLayout) -> None:
    database, gateway = plan.database, plan.gateway
    assert database.final_snapshot  # without it a deletion fails after everything else is gone
    assert database.engine in ("sqlserver-se", "sqlserver-ee")
    assert database.family.split("-")[-1] == database.major_version.removesuffix("0")  # of one major version
    assert 20 <= database.storage_gib < database.storage_limit_gib <= 16_384  # minimum, and minimum below maximum
    assert re.fullmatch(r"\d+\.\d{2}\.\d+\.\d+\.v\d+", database.engine_version)  # whole, not a prefix
    assert all(150 <= size <= 16_384 for size in gateway.cache_gib)
    assert all(share.bucket == share.bucket.lower() for share in plan.shares)
    zones = plan.network.zones
    assert len({zone.letter for zone in zones}) == len({zone.ingress for zone in zones}) >= 2  # balancers need two
    assert plan.nodes.items[0].zone != plan.nodes.items[1].zone
    assert not _meet(database.backup_window, database.maintenance_window)


def _meet(backup: str, maintenance: str) -> bool:
    """Tell whether `hh:mm-hh:mm` of any day runs into `ddd:hh:mm-ddd:hh:mm`, in minutes of a day."""
    one = _minutes(*backup.split("-"))
    two = _minutes(*(part.split(":", 1)[1] for part in maintenance.split("-")))
    return bool(one & two)


def _minutes(first: str, last: str) -> set[int]:
    begin, end = (datetime.datetime.strptime(text, "%H:%M") for text in (first, last))
    length = int((end - begin).total_seconds() // 60) % 1440
    return {(begin.hour * 60 + begin.minute + at) % 1440 for at in range(length)}


def test_azure_layouts_freeze_nothing_that_azure_never_changes() -> None:
    """Location, kind, zones and SKU (1.4) come from fields that are frozen, or from constants: no edit moves them."""

    def fixed(plan: AzureLayout) -> list[object]:
        return [plan.region, [node.zone for node in plan.nodes[:2]], plan.zones]

    before = fixed(azure_layout(spec_of("azure")))
    for change in (
        {"nodes": {"count": 8}},
        {"nodes": {"size": "large"}},
        {"preset": "gold"},
        {"preset": "trial"},
        {"database": {"tier": "large"}},
        {"storage": {"sizeGiB": 9000}},
        {"ingress": {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"}},
    ):
        assert fixed(azure_layout(spec_of("azure", **change))) == before
