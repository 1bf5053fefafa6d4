"""What of a cell on Azure holds data: its database, its shares, the queue of its nodes, and how they are resolved.

Pure, as `layout` is, which has the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypedDict

from cellctl_components import naming
from cellctl_components.azure import facts
from cellctl_components.azure.names import AzureNames, storage_account_apart

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.model import LongTerm, Storage, StorageKind

CLUSTER = "cluster"
"""Kind of file that nodes with a queue share besides: `DataStreams` and whatever Octopus adds later."""

DATABASE_PASSWORD = "octopus-database-password"  # noqa: S105  the name of a secret
"""Secret of a cell's vault with the first password of its database's user; later ones have their number behind it."""

DEFAULT_TIER = "premium"
"""Tier of files where the cell file names none."""

SHARE_KINDS = ("packages", "artifacts", "task_logs", "imports", "event_exports")
"""Kinds of files, in the order of the cell file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LongTermLayout:
    """How long backups of a week, month and year are kept: ISO 8601 durations, `PT0S` for not at all."""

    weekly: str
    monthly: str
    yearly: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FailoverLayout:
    """A copy in another region: its server, and the group that an operator fails over."""

    region: str
    server: str
    group: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseLayout:
    """Azure SQL: a logical server of this cell alone with one database.

    `login` is the user with a password as whom nodes sign in, `` where they do as their managed identity, and
    `password_secret` names its secret. `former_login` was it before the last turn of the password, and still opens.
    """

    server: str
    name: str
    sku: str
    tier: str
    family: str
    vcores: int
    max_size_bytes: int
    zone_redundant: bool
    retention_days: int
    backup_redundancy: Literal["Zone", "GeoZone"]
    long_term: LongTermLayout | None = None
    failover: FailoverLayout | None = None
    collation: str = "SQL_Latin1_General_CP1_CI_AS"
    login: str = ""
    password_secret: str = ""
    former_login: str = ""


class SignIn(TypedDict, total=False):
    """How nodes sign in with a password: parts of a `DatabaseLayout`."""

    login: str
    password_secret: str
    former_login: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareLayout:
    """One SMB share; `kind` is one of `SHARE_KINDS`, `size_gib` its provisioned size.

    `iops` and `mibps` are provisioned apart, 0 where they are of the size.
    """

    kind: str
    name: str
    size_gib: int
    iops: int = 0
    mibps: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageLayout:
    """Azure Files: one account of this cell alone (its key opens every share in it).

    `label` is what the cell file calls it, `` for the one that every cell has.
    """

    account: str
    sku: str
    shares: tuple[ShareLayout, ...]
    media: Literal["SSD", "HDD"] = "SSD"
    access_tier: str = "Premium"
    label: str = ""

    @property
    def host(self) -> str:
        """The name under which its shares answer."""
        return f"{self.account}.file.core.windows.net"


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupsLayout:
    """Snapshots of every share: the group and vault that know of them, `days` for which each stays, and when, UTC."""

    group: str
    vault: str
    days: int
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueLayout:
    """The queue that nodes share, so that a Tentacle polls one address: Azure Managed Redis, memory only."""

    name: str
    host: str
    port: int
    sku: str


def database_of(spec: CellSpec, cell_names: AzureNames) -> DatabaseLayout:
    """Return the database of a cell."""
    database = spec.spec.database
    size = facts.database_size(database.tier)
    return DatabaseLayout(
        server=cell_names.sql_server,
        name=cell_names.database,
        sku=size.sku,
        tier=size.tier,
        family=size.family,
        vcores=size.vcores,
        max_size_bytes=size.max_size_gib * 1024**3,
        zone_redundant=database.multi_zone,
        retention_days=database.retention_days,
        backup_redundancy="GeoZone" if database.geo_backup else "Zone",
        long_term=long_term_of(database.long_term),
        **sign_in_of(spec),
        failover=FailoverLayout(
            region=database.failover.region, server=cell_names.sql_partner, group=cell_names.failover_group
        )
        if database.failover
        else None,
    )


def sign_in_of(spec: CellSpec) -> SignIn:
    """Return as whom nodes sign in with a password, nothing where they do as their identity.

    Two users take turns: a new password is the other one's, and what nodes have until they come over stays good.
    """
    database, cell = spec.spec.database, spec.metadata.name
    if database.authentication != "sql":
        return {}
    turn, users = database.password_turn, [naming.login_name(cell, variant) for variant in ("a", "b")]
    return {
        "login": users[(turn - 1) % 2],
        "password_secret": DATABASE_PASSWORD if turn == 1 else f"{DATABASE_PASSWORD}-{turn}",
        "former_login": users[turn % 2] if turn > 1 else "",
    }


def long_term_of(kept: LongTerm | None) -> LongTermLayout | None:
    """Return how long backups are kept: Azure counts in whole units, and nothing is written as no time."""
    if kept is None:
        return None
    return LongTermLayout(
        weekly=f"P{kept.weeks}W" if kept.weeks else "PT0S",
        monthly=f"P{kept.months}M" if kept.months else "PT0S",
        yearly=f"P{kept.years}Y" if kept.years else "PT0S",
    )


def storage_of(spec: CellSpec, cell_names: AzureNames) -> StorageLayout:
    """Return the account that every cell has, with the shares of all kinds that are not placed apart."""
    kinds = [kind for kind in SHARE_KINDS if not placed_kind(spec.spec.storage, kind).storage_account]
    layout = _account(spec, cell_names.storage_account, kinds, spec.spec.storage.tier)
    if spec.spec.ingress.polling != "redis":
        return layout
    rules = facts.share_rules(spec.spec.storage.tier or DEFAULT_TIER)
    return replace(layout, shares=(*layout.shares, _share(CLUSTER, facts.queue()[2], rules)))


def apart_of(spec: CellSpec, incarnation: int) -> tuple[StorageLayout, ...]:
    """Return the accounts of kinds that are placed apart, in the order of their names."""
    storage = spec.spec.storage
    placed: dict[str, list[str]] = {}
    for kind in SHARE_KINDS:
        if label := placed_kind(storage, kind).storage_account:
            placed.setdefault(label, []).append(kind)
    found = []
    for label, kinds in sorted(placed.items()):
        name = storage_account_apart(label, account=spec.spec.account, cell=spec.metadata.name, incarnation=incarnation)
        tier = placed_kind(storage, kinds[0]).tier or storage.tier
        found.append(replace(_account(spec, name, kinds, tier), label=label))
    return tuple(found)


def placed_kind(storage: Storage, kind: str) -> StorageKind:
    """Return where a cell file wants a kind of file."""
    found: StorageKind = getattr(storage.kinds, kind)
    return found


def _account(spec: CellSpec, account: str, kinds: Sequence[str], tier: str | None) -> StorageLayout:
    rules = facts.share_rules(tier or DEFAULT_TIER)
    total = spec.spec.storage.size_gib
    sizes = {kind: max(rules.minimum_gib, -(-total * rules.weights[kind] // 100)) for kind in kinds}
    return StorageLayout(
        account=account,
        sku=rules.sku,
        shares=tuple(_share(kind, min(size, rules.maximum_gib), rules) for kind, size in sizes.items()),
        media=rules.media,
        access_tier=rules.access_tier,
    )


def _share(kind: str, size_gib: int, rules: facts.ShareRules) -> ShareLayout:
    return ShareLayout(
        kind=kind,
        name=kind.replace("_", ""),
        size_gib=size_gib,
        iops=rules.iops.of(size_gib) if rules.iops else 0,
        mibps=rules.mibps.of(size_gib) if rules.mibps else 0,
    )


def backups_of(spec: CellSpec, cell_names: AzureNames) -> BackupsLayout | None:
    """Return how snapshots are taken, None where none are."""
    days = spec.spec.storage.snapshot_days
    if days is None:
        return None
    at = facts.snapshot_time()
    return BackupsLayout(group=cell_names.backup_group, vault=cell_names.backup_vault, days=days, at=at)


def queue_of(spec: CellSpec, cell_names: AzureNames) -> QueueLayout | None:
    """Return the queue of a cell, None where each Tentacle polls each node."""
    if spec.spec.ingress.polling != "redis":
        return None
    sku, port, _ = facts.queue()
    host = f"{cell_names.queue}.{spec.spec.region}.redis.azure.net"
    return QueueLayout(name=cell_names.queue, host=host, port=port, sku=sku)
