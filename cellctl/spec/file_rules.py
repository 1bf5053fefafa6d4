"""Rules across the fields of a cell file that are about files. Pure, as `rules`, which has the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cellctl.spec.finding import Finding, broken

if TYPE_CHECKING:
    from cellctl.spec.model import CellBody

_BACKENDS = {"gateway": "aws", "fsx": "aws", "azure_files": "azure"}


def _storage(body: CellBody) -> Iterator[Finding]:
    backend, protocol = body.storage.backend, body.storage.protocol
    if _BACKENDS[backend] != body.cloud:
        right = "gateway" if body.cloud == "aws" else "azure_files"
        yield broken(f"{backend} does not exist on {body.cloud}", "storage.backend", "cloud", hint=f"use {right}")
    if protocol == "nfs" and backend != "gateway":
        yield broken(f"{backend} is mounted with smb", "storage.protocol", "storage.backend", hint="use protocol: smb")
    if body.storage.cache_gib and (backend != "gateway" or body.placement != "dedicated"):
        message = "is of a gateway of the cell's own"
        yield broken(message, "storage.cacheGiB", "storage.backend", "placement", hint="remove it")
    shared = body.cloud == "aws" and backend == "gateway" and protocol == "smb" and body.placement != "dedicated"
    if shared and body.storage.directory is None:
        yield broken(
            "SMB on a shared gateway needs a user of its domain: guests are one user for every cell",
            "storage.protocol",
            "storage.directory",
            hint="a directory section, or protocol: nfs",
        )
    if body.storage.directory is not None and not shared:
        yield broken("is for SMB on a reef", "storage.directory", "storage.protocol", "placement", hint="remove it")
    if shared and body.nodes.os == "linux":
        yield broken("Linux nodes mount over nfs", "nodes.os", "storage.protocol", hint="use os: windows")


def _azure_files(body: CellBody) -> Iterator[Finding]:
    if body.storage.backend == "azure_files":
        return
    storage = body.storage
    for key, value, instead in (
        ("tier", storage.tier, ""),
        ("authentication", storage.authentication, ""),
        ("snapshotDays", storage.snapshot_days, ": a bucket keeps every former version for 30 days"),
    ):
        if value is not None:
            yield broken("is of Azure Files", f"storage.{key}", "storage.backend", hint=f"remove it{instead}")
    for name, info in type(body.storage.kinds).model_fields.items():
        kind = getattr(body.storage.kinds, name)
        for key, value in (("storageAccount", kind.storage_account), ("tier", kind.tier)):
            if value is not None:
                field = f"storage.kinds.{info.alias or name}.{key}"
                yield broken("is of Azure Files", field, "storage.backend", hint="remove it")


def _shares_apart(body: CellBody) -> Iterator[Finding]:
    """On a gateway of the cell's own each kind has a share; on a reef all are in folders of one, or of those named."""
    gateways = body.cloud == "aws" and body.placement != "dedicated"
    for name, info in type(body.storage.kinds).model_fields.items():
        if getattr(body.storage.kinds, name).share is not None and not gateways:
            field = f"storage.kinds.{info.alias or name}.share"
            yield broken("is for a cell on a reef of AWS", field, "cloud", "placement", hint="remove it")


RULES: tuple[Callable[[CellBody], Iterator[Finding]], ...] = (_storage, _azure_files, _shares_apart)
