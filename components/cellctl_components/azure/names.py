"""Names of a cell's objects on Azure: legal in every service, stable for ever, distinct where the name is global.

Pure: no Pulumi, no clock, no randomness. A name that is global, or that Azure holds after deletion, carries a digest of
(account, cell, incarnation); a name that lives inside the cell's own resource group is the plain cell name. Names are
public API (docs/resource-names.md): a change here replaces databases.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellctl_components import naming

# Azure refuses global names that contain these (error ReservedResourceName; learn.microsoft.com, Azure Resource
# Manager, "Resolve reserved resource name errors"). Only the readable part can hold them: digests never do by chance.
RESERVED = ("microsoft", "windows")


@dataclass(frozen=True, kw_only=True, slots=True)
class AzureNames:
    """Every name of one cell that is global, scoped to a subscription, or held after deletion."""

    resource_group: str
    storage_account: str
    sql_server: str
    database: str
    vault: str
    identity: str
    workspace: str
    dns_label: str
    queue: str
    sealing: str
    sql_partner: str
    failover_group: str
    web_gateway: str
    web_label: str
    backup_group: str
    backup_vault: str


def names(*, account: str, cell: str, incarnation: int, generation: int = 1) -> AzureNames:
    """Return the names of a cell.

    Args:
        account: Name of the account in `cellctl.yaml`.
        cell: Cell name, already valid by `CellSpec`: 2 to 32 characters `[a-z0-9-]`.
        incarnation: Rises with each `down --delete-data`, because Azure holds vault names for up to 90 days.
        generation: Rises with each restore of the database.
    """
    who = (account, cell, str(incarnation))
    readable = _readable(cell)
    return AzureNames(
        resource_group=naming.fitted(f"rg-oct-{cell}", 90, *who),
        storage_account=_joined("st", readable.replace("-", ""), 24, who, separator=""),
        sql_server=_joined("sql-oct", readable, 63, who),
        database=naming.database_name(cell, generation),
        vault=_joined("kv", readable, 24, who),
        identity=_joined("id-oct", readable, 64, who),
        workspace=_joined("log-oct", readable, 63, who),
        dns_label=_joined("oct", readable, 63, who),
        sealing=_joined("id-oct-seal", readable, 64, who),
        sql_partner=_joined("sql-oct-dr", readable, 63, who),
        failover_group=_joined("fog-oct", readable, 63, who),
        queue=_joined("redis-oct", readable, 60, who),
        web_gateway=_joined("id-oct-web", readable, 64, who),
        web_label=_joined("oct-web", readable, 63, who),
        backup_group=_joined("rg-oct-backup", readable, 90, who),
        backup_vault=_joined("rsv-oct", readable, 50, who),
    )


def storage_account_apart(label: str, *, account: str, cell: str, incarnation: int) -> str:
    """Return the name of a storage account that a cell has besides its own; `label` is what its file calls it."""
    who = (account, cell, str(incarnation), label)
    return _joined("st", _readable(cell).replace("-", ""), 24, who, separator="")


def distinct(prefix: str, readable: str, limit: int, who: tuple[str, ...]) -> str:
    """Return a name that is global: prefix, what fits of the readable part, and a digest over `who`."""
    return _joined(prefix, _readable(readable), limit, who)


def _readable(cell: str) -> str:
    text = cell
    for word in RESERVED:
        text = text.replace(word, "")
    while "--" in text:
        text = text.replace("--", "-")
    return text.strip("-")


def _joined(prefix: str, readable: str, limit: int, who: tuple[str, ...], *, separator: str = "-") -> str:
    """Return prefix, what fits of the readable part, and 60 bits of digest over `who`."""
    whole = separator.join(part for part in (prefix, readable) if part)
    return naming.distinct(whole, limit, *who, separator=separator)
