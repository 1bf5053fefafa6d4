"""What cannot be built on Azure, said before anything is declared. Pure; every problem at once.

Rules that hold on every cloud, or that need no knowledge of Azure, are `cellctl.spec.rules`.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl_components.azure import facts
from cellctl_components.azure.data_layout import DEFAULT_TIER, SHARE_KINDS, placed_kind

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.account import AccountSpec
    from cellctl.spec.model import Storage
    from cellctl.spec.reef import ReefSpec

# Addresses that Azure itself uses inside every virtual network (learn.microsoft.com, "What is IP address
# 168.63.129.16" and the virtual network FAQ). Private ranges cannot hold them; existing checks stay true if they widen.
_PLATFORM = ("168.63.129.16/32", "169.254.0.0/16", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32")
_SMALLEST_NETWORK = 25
_KEYS = {"task_logs": "taskLogs", "event_exports": "eventExports"}
"""Kinds of files whose key in the cell file is another word."""


def check(spec: CellSpec) -> None:
    """Refuse what Azure cannot do.

    Raises:
        SpecError: With every problem, each with its field.
    """
    own = _network(spec) if spec.spec.placement == "dedicated" else ()
    problems = [*region_of(spec), *_database(spec), *_storage(spec), *own]
    if problems:
        raise SpecError(problems)


def of_reef(spec: ReefSpec) -> Iterator[Problem]:
    """Yield what a reef on Azure cannot be, by region and range."""
    yield from region_of(spec)
    yield from _range(spec.spec.network.cidr)


def region_of(spec: CellSpec | ReefSpec | AccountSpec) -> Iterator[Problem]:
    """Yield that a spec is of another cloud, or that its region is none of Azure's with three zones."""
    body = spec.spec
    if body.cloud != "azure":
        what = spec.kind.lower()
        yield Problem(field="spec.cloud", message=f"a layout for azure was asked for a {what} on {body.cloud}")
    region = body.region
    if region not in facts.regions():
        close = difflib.get_close_matches(region.lower().replace(" ", "").replace("-", ""), facts.regions(), n=1)
        hint = f"did you mean {close[0]}?" if close else "such as westeurope or eastus2"
        yield Problem(field="spec.region", message=f"Azure has no region '{region}'", hint=hint)
        return
    if len(facts.zones(region)) < 3:
        near = facts.paired_region(region)
        hint = f"{near} has three" if near and len(facts.zones(near)) == 3 else "such as westeurope or eastus2"
        yield Problem(
            field="spec.region",
            message=f"{region} has no availability zones, and a cell needs three: database, shares, nodes",
            hint=hint,
        )


def _database(spec: CellSpec) -> Iterator[Problem]:
    database = spec.spec.database
    if not 1 <= database.retention_days <= 35:
        yield Problem(
            field="spec.database.retentionDays", message=f"is {database.retention_days}; Azure SQL keeps 1 to 35 days"
        )
    failover = database.failover
    if failover is not None and len(facts.zones(failover.region) if failover.region in facts.regions() else ()) < 3:
        yield Problem(
            field="spec.database.failover.region",
            message=f"{failover.region} is no region with three availability zones, which the copy is spread over too",
            hint=f"{facts.paired_region(spec.spec.region) or 'northeurope'} is one",
        )
    region = spec.spec.region
    if database.geo_backup and region in facts.regions() and not facts.paired_region(region):
        yield Problem(
            field="spec.database.geoBackup",
            message=f"{region} has no paired region that could keep the copy",
            hint="use geoBackup: false, or a region with a pair",
        )


def _storage(spec: CellSpec) -> Iterator[Problem]:
    storage = spec.spec.storage
    rules = facts.share_rules(storage.tier or DEFAULT_TIER)
    largest = rules.maximum_gib * 100 // max(rules.weights.values())
    if storage.size_gib > largest:
        yield Problem(field="spec.storage.sizeGiB", message=f"is {storage.size_gib}; Azure Files ends at {largest} GiB")
    yield from _apart(storage)


def _apart(storage: Storage) -> Iterator[Problem]:
    """Yield why kinds of files cannot be placed as they are asked to be."""
    kinds = {_KEYS.get(kind, kind): placed_kind(storage, kind) for kind in SHARE_KINDS}
    tiers: dict[str, tuple[str, str | None]] = {}
    for name, kind in kinds.items():
        field = f"spec.storage.kinds.{name}.tier"
        if kind.storage_account is None:
            if kind.tier is not None:
                hint = f"storageAccount: {name.lower()}"
                yield Problem(field=field, message="is of an account apart, and none is named", hint=hint)
            continue
        other, tier = tiers.setdefault(kind.storage_account, (name, kind.tier))
        if tier != kind.tier:
            message = f"differs from that of {other}, and account {kind.storage_account}, which both share, has one"
            yield Problem(field=field, message=message, hint="say the same tier of both, or name another account")
    if all(kind.storage_account is not None for kind in kinds.values()):
        yield Problem(
            field="spec.storage.kinds",
            message="leaves the cell's own account, which it always has, empty",
            hint="leave one kind without storageAccount: it is apart from the others then too",
        )


def _network(spec: CellSpec) -> Iterator[Problem]:
    network = spec.spec.network
    if network.existing is not None or network.cidr is None:
        return  # looked at before the first run (`site`)
    cidr = ipaddress.IPv4Network(network.cidr)
    if cidr.prefixlen > _SMALLEST_NETWORK:
        yield Problem(
            field="spec.network.cidr",
            message=f"is a /{cidr.prefixlen}; a /{_SMALLEST_NETWORK} or larger is needed for its subnets",
        )
    yield from _range(network.cidr)


def _range(text: str) -> Iterator[Problem]:
    cidr = ipaddress.IPv4Network(text)
    taken = [block for block in _PLATFORM if cidr.overlaps(ipaddress.IPv4Network(block))]
    if taken:
        yield Problem(field="spec.network.cidr", message=f"overlaps {taken[0]}, which Azure uses itself")
