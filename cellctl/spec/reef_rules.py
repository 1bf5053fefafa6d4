"""Rules across the fields of a reef file, and what this version cannot do yet. Pure; all are always checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cellctl.errors import NotYet, Problem
from cellctl.spec.existing_rules import of_existing, subnets_of
from cellctl.spec.rules import CONTROL_RANGE, is_key_arn, is_vault_key

if TYPE_CHECKING:
    from cellctl.spec.reef import ReefSpec

_LONGEST_PREFIX = 20  # sixteen subnets of /24


# What a reef on Azure does not have, by section and field, and why: written down, it would mean nothing.
NOT_ON_AZURE: Mapping[str, Mapping[str, str]] = {
    "": {"storage": "a reef on Azure has no gateways: each cell brings its own storage account"},
    "database": {
        "retention_days": "on Azure each cell says how long its own backups are kept",
        "geo_backup": "on Azure each cell says where its own backups are kept",
        "edition": "Azure SQL has no editions of SQL Server",
    },
    "ingress": {"ports_per_cell": "is of load balancers that cells share"},
}


def findings(reef: ReefSpec) -> Iterator[Problem]:
    """Yield what contradicts itself across the fields of a reef."""
    if reef.spec.cloud == "azure":
        yield from _of_azure(reef)
        return
    storage = reef.spec.storage
    if reef.spec.database.authentication is not None:
        hint = "remove it: RDS signs nodes in with a password of a secret"
        yield Problem(message="exists on Azure only", field="spec.database.authentication", hint=hint)
    if storage.protocol == "smb" and storage.active_directory is None:
        yield Problem(
            message="SMB on a shared gateway needs activeDirectory: its guest user would open every cell's share",
            field="spec.storage.protocol",
            hint="protocol: nfs, or an activeDirectory section",
        )
    if storage.protocol == "nfs" and storage.active_directory is not None:
        yield Problem(message="is for SMB, and the protocol is nfs", field="spec.storage.activeDirectory")
    if reef.spec.network.existing is None:
        yield from _range(reef)
    yield from _existing(reef)
    if reef.spec.protection.key is not None and not is_key_arn(reef.spec.protection.key, reef.spec.region):
        message = f"must be the ARN of a KMS key in {reef.spec.region}, not of an alias"
        yield Problem(message=message, field="spec.protection.key")


def _of_azure(reef: ReefSpec) -> Iterator[Problem]:
    for section, fields in NOT_ON_AZURE.items():
        part = getattr(reef.spec, section) if section else reef.spec
        for name in sorted(part.model_fields_set & set(fields)):
            alias = type(part).model_fields[name].alias or name
            where = ".".join(filter(None, ("spec", section, alias)))
            yield Problem(message=fields[name], field=where, hint="leave it out")
    yield from _existing(reef)
    if reef.spec.network.existing is None:
        network = ipaddress.IPv4Network(reef.spec.network.cidr)
        if network.prefixlen > _LONGEST_PREFIX:
            yield Problem(message=f"must be a /{_LONGEST_PREFIX} or larger", field="spec.network.cidr")
        yield from _control(network)
    if reef.spec.protection.key is not None and not is_vault_key(reef.spec.protection.key):
        message = "must be the id of a key in Key Vault, without a version"
        hint = "/subscriptions/…/resourceGroups/…/providers/Microsoft.KeyVault/vaults/VAULT/keys/NAME"
        yield Problem(message=message, field="spec.protection.key", hint=hint)
    yield from _ways_in(reef)


def _existing(reef: ReefSpec) -> Iterator[Problem]:
    there, azure = reef.spec.network.existing, reef.spec.cloud == "azure"
    if there is None:
        return
    yield from (finding.problem for finding in of_existing(there, reef.spec.cloud))
    if not azure:
        return
    named = {field: next(iter(one), "").lower() for field, one in subnets_of(there)}
    for field in ("balancerSubnets", "databaseSubnets"):
        if not named[field]:
            message = "is needed: addresses in the nodes' subnet are counted, and nothing else may be in it"
            yield Problem(message=message, field=f"spec.network.existing.{field}", hint=f"{there.id}/subnets/NAME")
    told = [one for one in named.values() if one]
    if len(set(told)) != len(told):
        yield Problem(message="names one subnet for two things", field="spec.network.existing.subnets")


def _control(network: ipaddress.IPv4Network) -> Iterator[Problem]:
    if network.overlaps(ipaddress.IPv4Network(CONTROL_RANGE)):
        yield Problem(message=f"overlaps {CONTROL_RANGE}, where cellctl itself runs", field="spec.network.cidr")


def _range(reef: ReefSpec) -> Iterator[Problem]:
    storage, network = reef.spec.storage, ipaddress.IPv4Network(reef.spec.network.cidr)
    if network.prefixlen > _LONGEST_PREFIX:
        yield Problem(message=f"must be a /{_LONGEST_PREFIX} or larger", field="spec.network.cidr")
    elif 32 + 80 * storage.gateways >= network.num_addresses // 16:
        yield Problem(
            message=f"has no room for the nodes of {10 * storage.gateways} cells",
            field="spec.network.cidr",
            hint="a larger network, or fewer gateways",
        )
    yield from _ways_in(reef)
    yield from _control(network)


def _ways_in(reef: ReefSpec) -> Iterator[Problem]:
    ingress = reef.spec.ingress
    ranges = [ipaddress.IPv4Network(text) for text in ingress.allow]
    if ingress.exposure == "internal" and any(one.prefixlen == 0 for one in ranges):
        yield Problem(message="0.0.0.0/0 is the internet, and the exposure is internal", field="spec.ingress.allow")
    if ingress.exposure == "public" and all(one.is_private for one in ranges):
        yield Problem(message="names private addresses only, and the exposure is public", field="spec.ingress.allow")


def refuse_pending_reef(reef: ReefSpec) -> None:
    """Raise NotYet, which names every option of `reef` that a later version brings; do nothing if there is none."""
    azure = reef.spec.cloud == "azure"
    asked = (
        (
            azure and reef.spec.ingress.shared,
            "ingress.shared",
            "on Azure each cell has its own load balancer; shared ones come later",
            "shared: false",
        ),
    )
    problems = [
        Problem(message=f"not yet: {message}", field=f"spec.{field}", hint=f"use {instead}")
        for wanted, field, message, instead in asked
        if wanted
    ]
    if problems:
        words = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
        hint = "; ".join(problem.hint for problem in problems)
        raise NotYet(f"{reef.metadata.name}: {words}", hint=hint, problems=problems)
