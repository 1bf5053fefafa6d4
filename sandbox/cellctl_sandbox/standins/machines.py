"""Which machines the simulated clouds have and what runs on them: told by their images, as in reality."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from cellctl.state.values import Value, bare
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.octopus import NodeFacts, NodePort
from cellctl_sandbox.standins.sql_servers import AZURE_DATABASE, RDS
from cellctl_sandbox.standins.storage_gateway.gateways import INSTANCE, spread
from cellctl_sandbox.standins.tds.servers import KINDS
from cellctl_sandbox.standins.tds.store import Store

VIRTUAL_MACHINE = "azure-native:compute:VirtualMachine"
RUN_COMMAND = "azure-native:compute:VirtualMachineRunCommandByVirtualMachine"
INTERFACE = "azure-native:network:NetworkInterface"
ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"

GATEWAY_PARAMETER = "/aws/service/storagegateway/ami/FILE_S3/latest"
WINDOWS_PARAMETER = "/aws/service/ami-windows-latest/x"
# From the start of the machine until Octopus Server answers: Windows boots, then installs it (reference/aws.md 5).
_BOOT_S = (300, 600)
_WITHOUT_RUN_COMMAND_S = (420, 720)
_VERSION = "2026.4.7000"
_AZURE_PORTS = (NodePort(port=443, tls=True), NodePort(port=80, probe_only=True))


@cache
def image(parameter: str) -> str:
    """Return the AMI id that the simulated parameter store gives for a public parameter."""
    text = resources.files("cellctl_sandbox").joinpath("clouds", "aws", "ssm.toml").read_text(encoding="utf-8")
    table: dict[str, str] = tomllib.loads(text)["tables"]["images"]
    return next((ami for pattern, ami in table.items() if fnmatch.fnmatchcase(parameter, pattern)), "")


def is_appliance(instance: CloudObject) -> bool:
    """Tell whether an EC2 instance runs the file gateway's image."""
    return instance.text("ami") == image(GATEWAY_PARAMETER)


class CellNodes:
    """Satisfies `NodeCatalogue`: Windows machines of cells, on both clouds."""

    def __init__(self, view: CloudView, database: Path) -> None:
        self._view = view
        self._database = database

    def now(self) -> float:
        """Return simulated seconds."""
        return self._view.now()

    def nodes(self) -> Sequence[NodeFacts]:
        """Return all nodes that exist now."""
        return [*self._on_aws(), *self._on_azure()]

    def _on_aws(self) -> list[NodeFacts]:
        machines = [item for item in self._view.objects(INSTANCE) if item.text("ami") == image(WINDOWS_PARAMETER)]
        return [
            NodeFacts(
                cell=item.cell,
                name=_tag(item, "Name") or item.id,
                address=item.text("privateIp"),
                ports=self._web_ports(item),
                up_from_s=item.born_s + spread(item.id, *_BOOT_S),
                database=self._has_rds_database(item.cell),
                version=_VERSION,
            )
            for item in machines
        ]

    def _web_ports(self, instance: CloudObject) -> list[NodePort]:
        """Return the ports that load balancers send HTTP to: what the node was told to listen on."""
        groups = {item.text("arn"): item for item in self._view.objects(TARGET_GROUP)}
        joined = [item for item in self._view.objects(ATTACHMENT) if item.text("targetId") == instance.id]
        found = {
            int(port): group.text("protocol") == "HTTPS"
            for item in joined
            if (group := groups.get(item.text("targetGroupArn"))) and group.text("protocol") in ("HTTP", "HTTPS")
            if isinstance(port := item.properties.get("port") or group.properties.get("port"), int | float)
        }
        return [NodePort(port=port, tls=tls) for port, tls in found.items()] or [NodePort(port=80)]

    def _has_rds_database(self, cell: str) -> bool:
        hosts = [item.text("address") for item in self._view.objects(RDS) if item.cell == cell]
        system = {name.casefold() for name in KINDS["rds"].system_databases}
        store = Store(self._database)
        return any({*store.workspace(host).databases()} - system for host in hosts)

    def _on_azure(self) -> list[NodeFacts]:
        commands = {item.id.rpartition("/runCommands/")[0].lower(): item for item in self._view.objects(RUN_COMMAND)}
        interfaces = {item.id.lower(): item for item in self._view.objects(INTERFACE)}
        cells = {item.cell for item in self._view.objects(AZURE_DATABASE)}
        found = []
        for item in self._view.objects(VIRTUAL_MACHINE):
            command = commands.get(item.id.lower())
            waits = item.born_s + spread(item.id, *_WITHOUT_RUN_COMMAND_S)
            found.append(
                NodeFacts(
                    cell=item.cell,
                    name=item.id.rpartition("/")[2],
                    address=_address(item, interfaces),
                    ports=_AZURE_PORTS,
                    # The bootstrap is a run command: when it has succeeded, the server runs.
                    up_from_s=command.born_s if command else waits,
                    database=item.cell in cells,
                    version=_VERSION,
                )
            )
        return found


def _tag(item: CloudObject, key: str) -> str:
    tags = item.properties.get("tags")
    return str(tags.get(key, "")) if isinstance(tags, dict) else ""


def _address(machine: CloudObject, interfaces: dict[str, CloudObject]) -> str:
    """Return the private address of a machine's first network interface."""
    for reference in _items(_inside(machine.properties.get("networkProfile"), "networkInterfaces")):
        interface = interfaces.get(str(_inside(reference, "id")).lower())
        for part in _items(interface.properties.get("ipConfigurations")) if interface else []:
            address = _inside(part, "privateIPAddress")
            if isinstance(address, str) and address:
                return address
    return ""


def _inside(value: Value, key: str) -> Value:
    opened = bare(value)
    return opened.get(key) if isinstance(opened, dict) else None


def _items(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
