"""What the stand-ins' servers are: SQL servers and Octopus nodes, read from the objects of the simulated clouds."""

from __future__ import annotations

import base64
import binascii
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value, bare_struct
from cellctl_provider.octopus.machines import System
from cellctl_provider.protocol import Invoke
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.functions import call_function
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy
from cellctl_sandbox.clouds.view import ObjectView
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.octopus.nodes import DEFAULT_CAP, FirstAdministrator, NodeFacts, NodePort
from cellctl_sandbox.standins.tds.servers import CloudDatabase, SqlServerFacts

if TYPE_CHECKING:
    from cellctl_sandbox.network.boot import Boot

INSTANCE = "aws:ec2/instance:Instance"
RDS = "aws:rds/instance:Instance"
AZURE_SERVER = "azure-native:sql:Server"
AZURE_DATABASE = "azure-native:sql:Database"
AZURE_ADMINISTRATOR = "azure-native:sql:ServerAzureADAdministrator"
MACHINE = "azure-native:compute:VirtualMachine"
RUN_COMMAND = "azure-native:compute:VirtualMachineRunCommandByVirtualMachine"
NETWORK_INTERFACE = "azure-native:network:NetworkInterface"
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
APPLIANCE_IMAGE = "/aws/service/storagegateway/ami/FILE_S3/latest"
BOOT_S: Mapping[System, float] = {"windows": 480.0, "linux": 210.0}
"""From a running EC2 machine to an Octopus Server that answers, first boot. Source: estimate, 2026-11."""
_POLLING = NodePort(port=10943, tls=True, polling=True)
_GRPC = NodePort(port=8443, tls=True, polling=True)
AWS_PORTS = (NodePort(port=8080), NodePort(port=80), _POLLING, _GRPC)
AZURE_PORTS = (NodePort(port=443, tls=True), NodePort(port=80, probe_only=True), _POLLING, _GRPC)
_TASK_CAP = re.compile(r"--taskCap=(\d+)")
_ADMINISTRATOR = re.compile(
    r"admin --instance Default --username '((?:[^']|'')*)' --email '((?:[^']|'')*)' `\s+"
    r"--password \(Read-Secret '([^']*)'\)"
)
SYSTEM_DATABASES = ("master", "tempdb", "model", "msdb", "rdsadmin")
DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"


class SqlServers:
    """Satisfies the SQL stand-in's `ServerCatalogue`."""

    def __init__(self, view: ObjectView, database: Database) -> None:
        self._view = view
        self._database = database

    def find(self, host: str) -> SqlServerFacts | None:
        """Return the server whose endpoint is `host`."""
        return next((server for server in self.servers() if server.host == host.casefold()), None)

    def servers(self) -> Sequence[SqlServerFacts]:
        """Return all SQL servers that exist now."""
        now = self._view.now()
        rds = [_rds(record, self._database, now) for record in self._view.records(RDS)]
        return [*(server for server in rds if server.host), *(self._azure(one, now) for one in self._azure_records())]

    def managed_secret(self, arn: str) -> str | None:
        """Return the JSON of a secret that RDS keeps for an instance's administrator, None if `arn` is another."""
        for record in self._view.records(RDS):
            properties = bare_struct(record.properties())
            if at(properties, "masterUserSecrets.0.secretArn") == arn:
                name, password = str(at(properties, "username")), administrator_password(record, self._database)
                return json.dumps({"username": name, "password": password})
        return None

    def administrators(self) -> list[str]:
        """Return the ids of every group or identity that administers an Azure SQL server."""
        return sorted({one for record in self._azure_records() for one in self._azure(record, 0).entra_administrators})

    def _azure_records(self) -> list[CloudRecord]:
        return self._view.records(AZURE_SERVER)

    def _azure(self, record: CloudRecord, now: float) -> SqlServerFacts:
        start = record.id.lower() + "/"
        databases = [
            CloudDatabase(name=str(at(one, "databaseName")), collation=str(at(one, "collation") or DEFAULT_COLLATION))
            for one in (item.properties for item in self._view.objects(AZURE_DATABASE) if _inside(item, start))
        ]
        later = [item for item in self._view.objects(AZURE_ADMINISTRATOR) if _inside(item, start)]
        properties = bare_struct(record.properties())
        return SqlServerFacts(
            host=str(at(properties, "fullyQualifiedDomainName") or "").casefold(),
            kind="azure",
            incarnation=record.uid,
            administrator=str(at(properties, "administratorLogin") or ""),
            administrator_password=str(at(bare_struct(record.inputs), "administratorLoginPassword") or ""),
            entra_administrators=[str(one) for one in (at(properties, "administrators.sid"),) if one]
            + [one.text("sid") for one in later],
            entra_only=at(properties, "administrators.azureADOnlyAuthentication") is True,
            databases=databases,
            accepting=record.born_s <= now and record.gone_s is None,
        )


def _named(record: CloudRecord, host: str) -> bool:
    return str(at(bare_struct(record.properties()), "address") or "").casefold() == host.casefold()


def _inside(item: CloudObject, start: str) -> bool:
    return item.id.lower().startswith(start)


def administrator_password(record: CloudRecord, database: Database) -> str:
    """Return the password of an RDS instance's administrator: the one given, else the one RDS made. A secret."""
    given = at(record.inputs, "password")
    return given if isinstance(given, str) else database.sealer.derive(f"rds/{record.uid}")


def _rds(record: CloudRecord, database: Database, now: float) -> SqlServerFacts:
    properties = bare_struct(record.properties())
    port = at(properties, "port")
    return SqlServerFacts(
        host=str(at(properties, "address") or "").casefold(),
        kind="rds",
        incarnation=record.uid,
        port=int(port) if isinstance(port, int | float) else 1433,
        administrator=str(at(properties, "username") or ""),
        administrator_password=administrator_password(record, database),
        collation=str(at(properties, "characterSetName") or DEFAULT_COLLATION),
        multi_az=at(properties, "multiAz") is True,
        accepting=record.born_s <= now and record.gone_s is None,
    )


class Nodes:
    """Satisfies the Octopus stand-in's `NodeCatalogue`."""

    def __init__(
        self,
        view: ObjectView,
        database: Database,
        clock: SimulatedClock,
        *,
        hindrance: Callable[[CloudObject], str] | None = None,
        queue: Callable[[CloudObject], str | None] | None = None,
    ) -> None:
        self._view = view
        self._database = database
        self._clock = clock
        self._hindrance = hindrance or (lambda _: "")
        self._queue = queue or (lambda _: None)

    def now(self) -> float:
        """Return simulated seconds."""
        return self._clock.now()

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        """Return the nodes of a cell, `` for all, that exist now."""
        return [*self._on_aws(cell), *self._azure(cell)]

    def is_appliance(self, item: CloudObject) -> bool:
        """Tell whether an instance runs a file gateway's appliance: by its image."""
        return any(
            one.id == item.id and item.properties.get("ami") == _appliance_image(one.tenancy)
            for one in self._view.records(INSTANCE, item.cell)
        )

    def _on_aws(self, cell: str) -> Iterator[NodeFacts]:
        images = {one.id: _appliance_image(one.tenancy) for one in self._view.records(INSTANCE, cell)}
        for item in self._view.objects(INSTANCE, cell):
            if item.text("privateIp") and item.id in images and item.properties.get("ami") != images[item.id]:
                yield self._aws(item)

    def _aws(self, item: CloudObject) -> NodeFacts:
        script, told = item.text("userData"), _boot_of(item)
        system = told.system if told else "windows"
        return NodeFacts(
            cell=item.cell,
            name=str(at(item.properties, "tags.Name") or item.id),
            address=item.text("privateIp"),
            ports=AWS_PORTS,
            up_from_s=item.born_s + BOOT_S[system],
            database=self._has_database(item),
            version=str(at(item.properties, "tags.octopus-version") or ""),
            machine=item.id,
            store=self._rds_store(item),
            task_cap=_joins_with(script),
            administrator=_scripted(told) or _administrator(script),
            hindered=self._hindrance(item),
            queue=self._queue(item),
            system=system,
        )

    def _store(self, type_: str, cell: str) -> str:
        """Return which server, or database on a reef, is a cell's: another one knows nothing of the last."""
        return next((record.uid for record in self._view.records(type_, cell)), "")

    def _azure(self, cell: str) -> list[NodeFacts]:
        machines = self._view.objects(MACHINE, cell)
        if not machines:
            return []
        booted = {item.id.lower().rsplit("/", 2)[0]: item for item in self._view.objects(RUN_COMMAND, cell)}
        addresses = {item.id.lower(): _address(item.properties) for item in self._view.objects(NETWORK_INTERFACE, cell)}
        found = []
        for item in machines:
            interface = str(at(item.properties, "networkProfile.networkInterfaces.0.id") or "").lower()
            told, boot = _told(item.properties), booted.get(item.id.lower())
            host = told.get("host")
            found.append(
                NodeFacts(
                    cell=item.cell,
                    name=str(at(item.properties, "osProfile.computerName") or item.id.rpartition("/")[2]),
                    address=addresses.get(interface, ""),
                    ports=AZURE_PORTS,
                    up_from_s=boot.born_s if boot else float("inf"),
                    database=bool(self._view.records(AZURE_DATABASE, item.cell)),
                    version=str(told.get("octopus_version") or ""),
                    tls_names=(host,) if isinstance(host, str) else (),
                    machine=item.id,
                    store=self._store(AZURE_SERVER, item.cell) or self._store(AZURE_DATABASE, item.cell),
                    task_cap=_joins_with(str(at(boot.properties, "source.script")) if boot else ""),
                    administrator=_told_administrator(told),
                    hindered=self._hindrance(item),
                    queue=self._queue(item),
                    system="linux" if told.get("system") == "linux" else "windows",
                )
            )
        return found

    def _has_database(self, machine: CloudObject) -> bool:
        """Tell whether a server of the cell holds a database that somebody made, or the one that its nodes open."""
        hosts = {one.text("address").casefold() for one in self._view.objects(RDS, machine.cell)}
        if not hosts:
            return bool(self._opened(machine))
        return any(host in hosts and key not in SYSTEM_DATABASES for host, key, _ in self._databases())

    def _rds_store(self, machine: CloudObject) -> str:
        """Return what holds a cell's database: its own server, or its database on a server that it shares."""
        return self._store(RDS, machine.cell) or self._opened(machine)

    def _opened(self, machine: CloudObject) -> str:
        """Return which database a node opens on a server of another stack, `` while there is none."""
        boot = _boot_of(machine)
        if boot is None:
            return ""
        wanted = (boot.server.casefold(), boot.database.casefold())
        made = next((born for host, key, born in self._databases() if (host, key) == wanted), "")
        server = next((one.uid for one in self._view.records(RDS) if _named(one, boot.server)), "")
        return f"{server}/{boot.database}/{made}" if server and made else ""

    def _databases(self) -> list[tuple[str, str, str]]:
        """Return host, name and when it was made of each database."""
        query = "SELECT host, key, json_extract(content, '$.created') FROM sql_databases"
        try:
            return [(str(host), str(key), str(born)) for host, key, born in self._database.rows(query)]
        except sqlite3.OperationalError:  # nobody has dialled a server yet
            return []


@lru_cache(maxsize=64)
def _appliance_image(tenancy: Tenancy) -> Value:
    """Return the image of file gateways where a tenancy works."""
    request = Invoke(token="aws:ssm/getParameter:getParameter", args={"name": APPLIANCE_IMAGE})  # noqa: S106
    return call_function(request, tenancy).result.get("value")


def _joins_with(script: str) -> int:
    """Return the task cap that a boot script joins with."""
    found = _TASK_CAP.search(script)
    return int(found[1]) if found else DEFAULT_CAP


def _boot_of(machine: CloudObject) -> Boot | None:
    from cellctl_sandbox.network.boot import boot_of  # the network knows machines by this module

    return boot_of(machine)


def _scripted(told: Boot | None) -> FirstAdministrator | None:
    """Return whom a script in bash makes administrator."""
    if told is None or not told.administrator[0]:
        return None
    username, email, secret = told.administrator
    return FirstAdministrator(username=username, email=email, password_secret=secret)


def _administrator(script: str) -> FirstAdministrator | None:
    """Return whom user data in PowerShell makes administrator."""
    found = _ADMINISTRATOR.search(script)
    if found is None:
        return None
    username, email = (text.replace("''", "'") for text in found.group(1, 2))
    return FirstAdministrator(username=username, email=email, password_secret=found[3])


def _told_administrator(told: Struct) -> FirstAdministrator | None:
    """Return whom user data in JSON makes administrator."""
    if told.get("first") is not True:
        return None
    return FirstAdministrator(
        username=str(told.get("administrator")),
        email=str(told.get("email")),
        password_secret=f"https://{told.get('vault_host')}/secrets/{told.get('administrator_password_secret')}",
    )


def _address(properties: Struct) -> str:
    for index in range(4):
        for name in ("privateIPAddress", "privateIpAddress"):
            found = at(properties, f"ipConfigurations.{index}.{name}")
            if isinstance(found, str) and found:
                return found
    return ""


def _told(properties: Struct) -> Struct:
    """Return what a machine was told at its creation (user data: JSON in base64), {} where it is something else."""
    try:
        told: Value = json.loads(base64.b64decode(str(properties.get("userData") or ""), validate=True))
    except (binascii.Error, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
