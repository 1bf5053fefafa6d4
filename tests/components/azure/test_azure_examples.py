"""Each component works alone in an ordinary Pulumi program: the examples are run as they are."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pulumi
import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MADE = {
    "alarms": ("cells:azure:Alarms", {"MetricAlert", "ActionGroup"}),
    "cell": (
        "cells:azure:Cell",
        {"ResourceGroup", "Server", "StorageAccount", "Vault", "VirtualMachine", "LoadBalancer"},
    ),
    "file_backups": (
        "cells:azure:FileBackups",
        {"Vault", "ProtectionPolicy", "ProtectionContainer", "ProtectedItem", "ManagementLockByScope"},
    ),
    "file_shares": (
        "cells:azure:FileShares",
        {"StorageAccount", "FileShare", "PrivateEndpoint", "ManagementLockByScope"},
    ),
    "ingress": ("cells:azure:Ingress", {"LoadBalancer", "PrivateRecordSet"}),
    "network": ("cells:azure:Network", {"VirtualNetwork", "NatGateway", "PrivateZone"}),
    "nodes": ("cells:azure:Nodes", {"VirtualMachine", "VirtualMachineRunCommandByVirtualMachine"}),
    "secrets": ("cells:azure:Secrets", {"Vault", "MasterKey", "Secret"}),
    "sql_server": ("cells:azure:SqlServer", {"Server", "Database", "CellDatabase", "ManagementLockByScope"}),
    "web_gateway": ("cells:azure:WebGateway", {"ApplicationGateway", "WebApplicationFirewallPolicy", "RoleAssignment"}),
}


def test_there_is_an_example_of_every_component() -> None:
    assert {path.name.removeprefix("azure_") for path in EXAMPLES.glob("azure_*")} == set(MADE)


@pytest.mark.parametrize("component", sorted(MADE))
def test_an_example_runs_as_a_program_of_its_own(component: str, record) -> None:
    main = EXAMPLES / f"azure_{component}" / "__main__.py"
    keys = re.findall(r'config\.require\("(\w+)"\)', main.read_text(encoding="utf-8"))

    def program() -> None:
        pulumi.runtime.set_all_config({f"octopus-cells:{key}": f"/given/{key}" for key in keys})
        runpy.run_path(str(main), run_name="__main__")

    found = record(program)
    token, kinds = MADE[component]
    assert token in {each.type for each in found.all}
    assert kinds <= {each.type.rpartition(":")[2] for each in found.all}
    assert found.outputs
    for each in found.all:
        if each.request.custom and not each.type.startswith("pulumi:providers:"):
            assert "::" in each.provider, each.name
            assert "default" not in each.provider
