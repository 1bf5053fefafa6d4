"""What of a stack's outputs the checks need, as typed values; wrong shapes are SpecError-like usage errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellctl.errors import EngineError

OPEN_ENTRIES = ("web", "redirect", "polling", "grpc")
"""Keys of `outputs["entries"]` that must answer; `closed` must not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeTarget:
    """Where one node answers. `tls_name` is the name its certificate must carry.

    `version` and `task_cap` are what it is to run, `` and None where nobody said; `queue`: it shares one.
    """

    name: str
    address: str
    port: int
    scheme: str
    tls_name: str
    version: str = ""
    task_cap: int | None = None
    queue: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryTarget:
    """A name and port that people or Tentacles dial. `nodes` are the names of all nodes that must answer there."""

    host: str
    port: int
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseTarget:
    """Where the cell's database is and as whom its nodes open it; `password_secret` is a reference.

    `expected` is how its server is to keep a second copy (RDS: `always_on` or `single`), `` where nothing is said, and
    `found` how it did when it was asked last. `administers`: who signs in may ask the server itself.
    """

    server: str
    port: int
    name: str
    kind: str
    region: str = ""
    login: str = ""
    password_secret: str = ""
    identity: str = ""
    expected: str = ""
    found: str = ""
    administers: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketTarget:
    """A bucket behind a file share, or of backups. `writer` is the ARN of the only role that may write into it.

    `whose` says of whom that role is.
    """

    name: str
    region: str
    writer: str
    whose: str = "gateway"


def nodes_of(outputs: Mapping[str, object]) -> tuple[NodeTarget, ...]:
    """Return the nodes of `outputs["nodes"]`, none if the key is missing.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    listed = outputs.get("nodes", [])
    if not isinstance(listed, list):
        raise _wrong("nodes")
    return tuple(_node(item, index) for index, item in enumerate(listed))


def entries_of(outputs: Mapping[str, object], key: str) -> tuple[EntryTarget, ...]:
    """Return the names and ports of `outputs["entries"][key]` (`web`, `redirect`, …), none if there are none.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    entries = outputs.get("entries", {})
    listed = entries.get(key, []) if isinstance(entries, dict) else None
    if not isinstance(listed, list):
        raise _wrong("entries")
    return tuple(_entry(item, f"entries.{key}") for item in listed)


def database_of(outputs: Mapping[str, object]) -> DatabaseTarget | None:
    """Return the database of `outputs["database"]`, None if the key is missing.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    item = outputs.get("database")
    if item is None:
        return None
    if not isinstance(item, dict):
        raise _wrong("database")
    return DatabaseTarget(
        server=_text(item, "server", "database"),
        port=_port(item, "database", 1433),
        name=_text(item, "name", "database"),
        kind=_text(item, "kind", "database"),
        region=_optional(item, "region"),
        login=_optional(item, "login"),
        password_secret=_optional(item, "passwordSecret"),
        identity=_optional(item, "identity"),
        expected=_EXPECTED.get(item.get("multiZone"), ""),
        found=_optional(item, "haMode"),
    )


_EXPECTED: Mapping[object, str] = {True: "always_on", False: "single"}


def buckets_of(outputs: Mapping[str, object]) -> tuple[BucketTarget, ...]:
    """Return the buckets of `outputs["buckets"]` with their writer (`files`), none if a key is missing.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    buckets, files = outputs.get("buckets", {}), outputs.get("files", {})
    if not isinstance(buckets, dict) or not isinstance(files, dict):
        raise _wrong("buckets")
    if not files.get("writer"):
        return ()
    region, writer = _text(files, "region", "files"), _text(files, "writer", "files")
    return tuple(BucketTarget(name=str(name), region=region, writer=writer) for name in buckets.values())


def backups_of(outputs: Mapping[str, object]) -> tuple[BucketTarget, ...]:
    """Return the bucket of `outputs["databaseBackups"]`, where SQL Server backs up; none without the key.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    item = outputs.get("databaseBackups")
    if item is None:
        return ()
    if not isinstance(item, dict):
        raise _wrong("databaseBackups")
    name, region, writer = (_text(item, key, "databaseBackups") for key in ("bucket", "region", "writer"))
    return (BucketTarget(name=name, region=region, writer=writer, whose="SQL Server"),)


def hosts_of(outputs: Mapping[str, object]) -> tuple[DatabaseTarget, ...]:
    """Return the server of each of `outputs["hosts"]` (a reef's), as its administrator opens it; none without the key.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    return tuple(
        DatabaseTarget(
            server=_text(item, "endpoint", "hosts"),
            port=_port(item, "hosts", 1433),
            name="master",
            kind=_text(item, "kind", "hosts"),
            region=_optional(item, "region"),
            login=_administrator(item, "login"),
            password_secret=_administrator(item, "passwordSecret"),
            expected=_administrator(item, "haMode"),
            administers=item.get("kind") == "rds",
        )
        for item in _listed(outputs, "hosts")
    )


def _administrator(item: Mapping[object, object], key: str) -> str:
    """Return what is said of a host's administrator; a host of Azure SQL has none, cellctl signs in as itself."""
    return "" if item.get("kind") == "azure_sql" else _text(item, key, "hosts")


def shared_buckets_of(outputs: Mapping[str, object]) -> tuple[BucketTarget, ...]:
    """Return the buckets behind each of `outputs["gateways"]` (a reef's) with their writer; none without the key.

    Raises:
        EngineError: The output has another shape (code `verify_outputs`).
    """
    return tuple(
        BucketTarget(
            name=_text(share, "bucket", "gateways.shares"),
            region=_text(item, "region", "gateways"),
            writer=_text(item, "writer", "gateways"),
        )
        for item in _listed(outputs, "gateways")
        for share in _listed({"shares": item.get("shares")}, "shares")
    )


def _listed(outputs: Mapping[str, object], key: str) -> list[dict[object, object]]:
    listed = outputs.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise _wrong(key)
    return listed


def _node(item: object, index: int) -> NodeTarget:
    where = f"nodes[{index}]"
    if not isinstance(item, dict):
        raise _wrong(where)
    scheme = _optional(item, "scheme") or "http"
    if scheme not in ("http", "https"):
        raise _wrong(f"{where}.scheme")
    address, cap = _text(item, "address", where), item.get("taskCap")
    return NodeTarget(
        name=_text(item, "name", where),
        address=address,
        port=_port(item, where, 443 if scheme == "https" else 80),
        scheme=scheme,
        tls_name=_optional(item, "tlsName") or address,
        version=_optional(item, "version"),
        task_cap=int(cap) if isinstance(cap, int | float) else None,
        queue=item.get("queue") is True,
    )


def _text(item: Mapping[object, object], key: str, where: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"{where}.{key}")
    return value


def _optional(item: Mapping[object, object], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _port(item: Mapping[object, object], where: str, default: int) -> int:
    value = item.get("port", default)
    # A checkpoint holds numbers as floats.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 65536:
        raise _wrong(f"{where}.port")
    return int(value)


def _entry(item: object, where: str) -> EntryTarget:
    if not isinstance(item, dict):
        raise _wrong(where)
    names = item.get("nodes")
    nodes = tuple(str(name) for name in names) if isinstance(names, list) else ()
    return EntryTarget(host=_text(item, "host", where), port=_port(item, where, 443), nodes=nodes)


def _wrong(where: str) -> EngineError:
    return EngineError(
        f"the stack's output '{where}' has not the shape that verify reads",
        hint="the program that made this stack is of another version: run `cellctl up` again",
        code="verify_outputs",
    )
