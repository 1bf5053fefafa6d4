"""Each component works alone in an ordinary Pulumi program: the examples are run as they are."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pulumi
import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MADE = {
    "alarms": ("cells:aws:Alarms", {"MetricAlarm", "Topic"}),
    "cell": (
        "cells:aws:Cell",
        {"Vpc", "Instance", "Bucket", "FileGateway", "CellDatabase", "MasterKey", "ShareAccess"},
    ),
    "file_gateway_host": ("cells:aws:FileGatewayHost", {"FileGateway", "Volume", "NetworkInterface", "Record"}),
    "ingress": ("cells:aws:Ingress", {"LoadBalancer", "TargetGroup", "Zone", "Certificate"}),
    "network": ("cells:aws:Network", {"Vpc", "Subnet", "NatGateway", "VpcEndpoint", "FlowLog"}),
    "nodes": ("cells:aws:Nodes", {"Instance", "NetworkInterface", "InstanceProfile", "TargetGroupAttachment"}),
    "polling_queue": ("cells:aws:PollingQueue", {"ReplicationGroup", "ParameterGroup", "Secret"}),
    "secrets": ("cells:aws:Secrets", {"Key", "Secret", "MasterKey"}),
    "share_set": ("cells:aws:ShareSet", {"Bucket", "NfsFileShare", "ShareAccess", "Role"}),
    "sql_server_host": ("cells:aws:SqlServerHost", {"Instance", "SubnetGroup", "ParameterGroup", "OptionGroup"}),
}
ACCOUNT = "123456789012"


def test_there_is_an_example_of_every_component() -> None:
    assert {path.name.removeprefix("aws_") for path in EXAMPLES.glob("aws_*")} == set(MADE)


@pytest.mark.parametrize("component", sorted(MADE))
def test_an_example_runs_as_a_program_of_its_own(component: str, record) -> None:
    main = EXAMPLES / f"aws_{component}" / "__main__.py"
    keys = {*re.findall(r"pulumi config set (\w+)", main.read_text(encoding="utf-8"))}

    def program() -> None:
        given = {key: ACCOUNT if key == "account" else f"given-{key}" for key in keys}
        pulumi.runtime.set_all_config({f"octopus-cells:{key}": value for key, value in given.items()})
        runpy.run_path(str(main), run_name="__main__")

    found = record(program)
    token, kinds = MADE[component]
    assert token in {each.type for each in found.resources}
    assert kinds <= {each.type.rpartition(":")[2] for each in found.resources}
    assert found.outputs
    for each in found.resources:
        if each.custom and not each.type.startswith("pulumi:providers:"):
            assert "pulumi:providers:" in each.provider, each.name
            assert "default" not in each.provider
