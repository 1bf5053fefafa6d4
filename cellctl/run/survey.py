"""What the state of a cell says that it has, as the registry records it. Pure; no registry is opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.registry.journal import CellKey
from cellctl.registry.survey import GatewaySeen, HostSeen, NodeSeen, ShareSeen, Survey
from cellctl.run.target import ADMINISTRATOR, NODE, RECORD, living, outputs_of
from cellctl.state.values import Struct, Value

if TYPE_CHECKING:
    from cellctl.run.target import Target
    from cellctl.state.checkpoint import Checkpoint
    from cellctl.state.resources import ResourceState

NOBODY = "192.0.2.1/32"  # of the documentation's range: the client of a share that admits nobody
_RDS, _SQL_SERVER = "aws:rds/instance:Instance", "azure-native:sql:Server"
_SQL_DATABASE, _DATABASE = "azure-native:sql:Database", "cellctl:sql:CellDatabase"
_GATEWAY, _ACCOUNT = "cellctl:aws:FileGateway", "azure-native:storage:StorageAccount"
_ACCESS, _MASTER_KEY = "cellctl:aws:ShareAccess", "cellctl:octopus:MasterKey"
_SHARES = {
    "aws:storagegateway/nfsFileShare:NfsFileShare": "nfs",
    "aws:storagegateway/smbFileShare:SmbFileShare": "smb",
}
_AZURE_SHARE = "azure-native:storage:FileShare"
_NODE_STATES = {"active": "active", "web only": "active", "draining": "draining", "offline": "stopped"}


def cell_key(target: Target, account: str) -> CellKey:
    """Return the registry's key of a cell; `account` as `registering.account_key` gives it."""
    placement = at(target.spec, "spec.placement")
    return CellKey(
        account=account,
        cloud=target.cloud,
        region=target.region,
        name=target.name.rpartition("/")[2],
        kind="reef" if target.level == "reef" else "cell",
        placement="reef" if isinstance(placement, dict) else "dedicated",
    )


def survey(target: Target, account: str, checkpoint: Checkpoint) -> Survey:
    """Return what the state has of a cell."""
    rows = living(checkpoint)
    outputs = outputs_of(checkpoint)
    found = outputs.get(RECORD)
    record = found if isinstance(found, dict) and found.get("cloud") else target.record()
    nodes = tuple(_nodes(rows))
    limits = [_number(row.outputs.get("nodeLimit")) for row in rows if row.type == ADMINISTRATOR]
    database = next((row for row in rows if row.type == _DATABASE), None)
    return Survey(
        key=cell_key(target, account),
        incarnation=_number(record.get("incarnation")) or 1,
        state="in_service" if nodes else "retained" if database else "requested",
        owner=_text(at(record, "spec.metadata.owner")),
        octopus_version=_text(at(record, "spec.spec.octopus.version")),
        spec_digest=_text(record.get("specDigest")),
        licence=_text(at(record, "spec.spec.octopus.licence.secret")),
        node_limit=max(limits, default=0),
        master_key=next((_text(row.outputs.get("reference")) for row in rows if row.type == _MASTER_KEY), ""),
        master_key_version=next((_text(row.outputs.get("version")) for row in rows if row.type == _MASTER_KEY), ""),
        holds_data=database is not None,
        url=_text(outputs.get("url")),
        polling=_text(at(record, "spec.spec.ingress.polling")),
        host=_host(rows, database),
        gateway=_gateway(rows, record, outputs),
        accounts_apart=accounts_apart(at(record, "spec")),
        shares=tuple(_shares(rows, outputs)),
        nodes=nodes,
        place=dict(place) if isinstance(place := record.get("place"), dict) else {},
    )


def accounts_apart(spec: Value) -> int:
    """Return how many storage accounts a cell's spec names besides the one that every cell on Azure has."""
    kinds = at(spec, "spec.storage.kinds")
    named = [at(kind, "storageAccount") for kind in kinds.values()] if isinstance(kinds, dict) else []
    return len({str(name) for name in named if name})


def shares_apart(spec: Value) -> int:
    """Return how many shares a cell on a reef of AWS names besides the first that every one has."""
    kinds = at(spec, "spec.storage.kinds")
    named = [at(kind, "share") for kind in kinds.values()] if isinstance(kinds, dict) else []
    return len({str(name) for name in named if name})


def _host(rows: Iterable[ResourceState], database: ResourceState | None) -> HostSeen | None:
    if database is None:
        return None
    name, endpoint = _text(database.outputs.get("database")), _text(database.outputs.get("server"))
    for row in rows:
        if row.type == _RDS:
            mode = "always_on" if row.outputs.get("multiAz") is True else "single"
            size = _text(row.outputs.get("instanceClass"))
            identifier = _text(row.outputs.get("identifier"))
            return HostSeen(name=identifier, kind="rds", size=size, ha_mode=mode, endpoint=endpoint, database=name)
        if row.type == _SQL_SERVER:
            sql = next((other for other in rows if other.type == _SQL_DATABASE), None)
            zoned = sql is not None and sql.outputs.get("zoneRedundant") is True
            return HostSeen(
                name=_text(row.outputs.get("serverName")),
                kind="azure_sql",
                size=_text(at(sql.outputs, "currentServiceObjectiveName")) if sql else "",
                ha_mode="zone_redundant" if zoned else "single",
                endpoint=endpoint,
                database=name,
            )
    return None


def _gateway(rows: Iterable[ResourceState], record: Mapping[str, Value], outputs: Struct) -> GatewaySeen | None:
    protocol = _text(at(dict(record), "spec.spec.storage.protocol")) or "smb"
    for row in rows:
        if row.type == _GATEWAY:
            return GatewaySeen(
                name=_text(row.outputs.get("gatewayName")),
                kind="storage_gateway",
                protocol=protocol,
                object_id=_text(row.outputs.get("gatewayArn")),
                instance_id=_text(row.outputs.get("instanceId")),
                address=_text(row.outputs.get("address")),
            )
        name = _text(row.outputs.get("accountName"))
        if row.type == _ACCOUNT and name == (_text(at(outputs, "files.host")).partition(".")[0] or name):
            return GatewaySeen(name=name, kind="storage_account", protocol=protocol, object_id=row.id)
    return None


def _shares(rows: Sequence[ResourceState], outputs: Struct) -> Iterator[ShareSeen]:
    kinds = at(outputs, "files.shares")
    kind_of = {str(share): kind for kind, share in kinds.items()} if isinstance(kinds, dict) else {}
    own = {_text(row.outputs.get("arn")) for row in rows if row.type in _SHARES}
    access = {_text(row.outputs.get("shareArn")): row for row in rows if row.type == _ACCESS}
    for row in rows:
        if row.type == _ACCESS and _text(row.outputs.get("shareArn")) not in own:
            arn = _text(row.outputs.get("shareArn"))
            yield ShareSeen(share_id=arn, name=arn.rpartition("/")[2], bucket="", kind="files", clients=_clients(row))
        elif row.type in _SHARES:
            name, arn = _text(row.outputs.get("fileShareName")), _text(row.outputs.get("arn"))
            bucket = _text(row.outputs.get("locationArn")).rpartition(":")[2]
            clients = _clients(access.get(arn))
            yield ShareSeen(share_id=arn, name=name, bucket=bucket, kind=kind_of.get(name, ""), clients=clients)
        elif row.type == _AZURE_SHARE:
            name = _text(row.outputs.get("shareName"))
            bucket = f"{_text(row.outputs.get('accountName'))}/{name}"
            yield ShareSeen(share_id=row.id, name=name, bucket=bucket, kind=kind_of.get(name, ""), clients=None)


def _clients(access: ResourceState | None) -> tuple[str, ...] | None:
    """Return who is admitted by list; None where something else than a list admits them."""
    if access is None:
        return ()
    if access.outputs.get("enforcedBy") != "client-list":
        return None
    clients = access.outputs.get("clients")
    return tuple(sorted(str(item) for item in clients if item != NOBODY)) if isinstance(clients, list) else ()


def _nodes(rows: Iterable[ResourceState]) -> Iterator[NodeSeen]:
    for row in rows:
        name = _text(row.outputs.get("nodeName"))
        number = name.rpartition("-")[2]
        if row.type == NODE and number.isdigit():
            yield NodeSeen(
                ordinal=int(number),
                name=name,
                address=_text(row.outputs.get("address")),
                version=_text(row.outputs.get("version")),
                task_cap=_number(row.outputs.get("taskCap")),
                state=_NODE_STATES.get(_text(row.outputs.get("state")), "joined"),
            )


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
