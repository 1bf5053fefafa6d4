"""What a cell costs: every size that a cell file can ask for has a price, and objects add up."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cellctl import facts
from cellctl.facts import costs
from cellctl.state.values import UNKNOWN, Struct

FACTS = Path(facts.__file__).parent
AWS = tomllib.loads((FACTS / "aws" / "layout" / "sizes.toml").read_text())
AZURE = tomllib.loads((FACTS / "azure" / "layout" / "sizes.toml").read_text())
EC2, RDS = "aws:ec2/instance:Instance", "aws:rds/instance:Instance"
MACHINE, SQL, SHARE = (
    f"azure-native:{name}" for name in ("compute:VirtualMachine", "sql:Database", "storage:FileShare")
)

GATEWAY = "azure-native:network:ApplicationGateway"
INSTANCES: Struct = dict(zip(("minCapacity", "maxCapacity"), AZURE["web_gateway"]["instances"], strict=True))


def sizes() -> list[tuple[str, Struct]]:
    """Return the inputs of everything that a size decides."""
    database = AWS["database"]
    rds = [
        {"instanceClass": one, "engine": engine, "storageType": "gp3", "multiAz": twice, "allocatedStorage": 100}
        for tier, one in database["classes"].items()
        for edition, engine in database["engines"].items()
        for twice in ((False,) if edition in database["one_zone"] else (True, False))
        if tier not in database["not_on"].get(edition, [])
    ]
    disk = {"rootBlockDevice": {"volumeSize": 100}}
    os_disk = {"osDisk": {"diskSizeGB": 127, "managedDisk": {"storageAccountType": "Premium_LRS"}}}
    databases = [AZURE["database"][name] for name in ("small", "standard", "large")]
    return [
        *((EC2, {"instanceType": one, **disk}) for one in AWS["gateway"]["types"].values()),
        *((EC2, {"instanceType": one, "userData": "<powershell> 1", **disk}) for one in AWS["nodes"]["types"].values()),
        *((RDS, one) for one in rds),
        *(
            (MACHINE, {"hardwareProfile": {"vmSize": AZURE["nodes"][size]}, "storageProfile": os_disk})
            for size in ("small", "medium", "large")
        ),
        *(
            (SQL, {"sku": {"name": one["sku"], "capacity": 2}, "zoneRedundant": twice, "maxSizeBytes": 2**30})
            for one in databases
            for twice in (True, False)
        ),
        (SHARE, {"shareQuota": 100, "accessTier": "Premium"}),
        *((GATEWAY, {"sku": {"name": one}, "autoscaleConfiguration": INSTANCES}) for one in ("WAF_v2", "Standard_v2")),
        *(
            (SHARE, {"shareQuota": 32, "provisionedIops": 3000, "provisionedBandwidthMibps": 125, "metadata": one})
            for one in ({"media": "SSD"}, {"media": "HDD"})
        ),
    ]


@pytest.mark.parametrize(("token", "inputs"), sizes())
def test_every_size_has_its_prices(token: str, inputs: Struct) -> None:
    known = facts.of(token)
    assert known is not None
    lines = [line for line in known.costs if line.when.holds(inputs)]
    assert lines
    assert [line.price for line in lines if costs.price_of(token, line, inputs) is None] == []
    assert costs.monthly_usd(token, inputs) > 0


def test_the_parts_of_an_object_add_up() -> None:
    machine = {"instanceType": "c6i.xlarge", "userData": UNKNOWN, "rootBlockDevice": {"volumeSize": 100}}
    hour, gib = (facts.price("aws", key) for key in ("ec2.c6i.xlarge.windows", "ebs.gp3"))
    assert hour is not None
    assert gib is not None
    assert costs.monthly_usd(EC2, machine) == pytest.approx(730 * hour.amount + 100 * gib.amount)
    endpoint: Struct = {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}
    one: Struct = {**endpoint, "subnetIds": ["a"]}
    token = "aws:ec2/vpcEndpoint:VpcEndpoint"
    assert costs.monthly_usd(token, endpoint) == pytest.approx(3 * costs.monthly_usd(token, one))
    assert costs.monthly_usd(token, {**endpoint, "vpcEndpointType": "Gateway"}) == 0


def test_a_gateway_costs_what_its_guide_says() -> None:
    guide = (FACTS.parents[1] / "docs" / "guides" / "web-gateway-azure.md").read_text(encoding="utf-8")
    said = re.search(r"about (\d+) USD a month more with a firewall, (\d+)\s+without", guide)
    assert said is not None
    for sku, figure in zip(("WAF_v2", "Standard_v2"), said.groups(), strict=True):
        inputs: Struct = {"sku": {"name": sku}, "autoscaleConfiguration": INSTANCES}
        assert costs.monthly_usd(GATEWAY, inputs) == pytest.approx(float(figure), abs=10)


def test_an_alert_on_azure_costs_by_what_it_watches() -> None:
    each = facts.price("azure", "monitor.alert")
    assert each is not None
    criteria: Struct = {"metricName": "Transactions"}
    for values, times in ((None, 1), (["*"], 1), (["a", "b", "c"], 3)):
        watched: Struct = (
            {**criteria, "dimensions": [{"name": "ResponseType", "values": values}]} if values else criteria
        )
        cost = costs.monthly_usd("azure-native:monitor:MetricAlert", {"criteria": {"allOf": [watched]}})
        assert cost == pytest.approx(each.amount * times)


def test_what_has_no_price_costs_nothing_here() -> None:
    assert costs.monthly_usd("aws:s3/bucket:Bucket", {"bucket": "x"}) == 0
    assert costs.monthly_usd("strange:thing:Thing", {}) == 0
    assert costs.monthly_usd(EC2, {"instanceType": "z99.huge"}) == 0


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_every_price_is_used_and_in_a_known_unit(cloud: str) -> None:
    services = [facts.service(cloud, name) for name in facts.services(cloud)]
    types = [known for service in services for known in service.types.values()]
    starts = {line.price.partition("{")[0] for known in types for line in known.costs}
    for service in services:
        for key, price in service.prices.items():
            assert key.startswith(tuple(starts)), key
            assert price.unit in costs._PER_MONTH
