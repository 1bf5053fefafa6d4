"""Rules across the fields of a reef file, and what this version cannot do yet. Pure; all are always checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.errors import NotYet, Problem
from cellctl.spec.rules import CONTROL_RANGE, is_key_arn

if TYPE_CHECKING:
    from cellctl.spec.reef import ReefSpec

_LONGEST_PREFIX = 20  # sixteen subnets of /24


def findings(reef: ReefSpec) -> Iterator[Problem]:
    """Yield what contradicts itself across the fields of a reef."""
    storage = reef.spec.storage
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
    if reef.spec.protection.key is not None and not is_key_arn(reef.spec.protection.key, reef.spec.region):
        message = f"must be the ARN of a KMS key in {reef.spec.region}, not of an alias"
        yield Problem(message=message, field="spec.protection.key")


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
    if network.overlaps(ipaddress.IPv4Network(CONTROL_RANGE)):
        yield Problem(message=f"overlaps {CONTROL_RANGE}, where cellctl itself runs", field="spec.network.cidr")


def _ways_in(reef: ReefSpec) -> Iterator[Problem]:
    ingress = reef.spec.ingress
    ranges = [ipaddress.IPv4Network(text) for text in ingress.allow]
    if ingress.exposure == "internal" and any(one.prefixlen == 0 for one in ranges):
        yield Problem(message="0.0.0.0/0 is the internet, and the exposure is internal", field="spec.ingress.allow")
    if ingress.exposure == "public" and all(one.is_private for one in ranges):
        yield Problem(message="names private addresses only, and the exposure is public", field="spec.ingress.allow")


def refuse_pending_reef(reef: ReefSpec) -> None:
    """Raise NotYet, which names every option of `reef` that a later version brings; do nothing if there is none."""
    asked = (
        (reef.spec.cloud == "azure", "cloud", "reefs on Azure come later", "cloud: aws"),
        (reef.spec.storage.protocol == "smb", "storage.protocol", "joining a domain comes later", "protocol: nfs"),
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
