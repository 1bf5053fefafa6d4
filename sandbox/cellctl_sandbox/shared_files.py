"""The stand-ins for shared files on AWS, over one store of objects: Storage Gateway, its appliances, NFS, SMB, S3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl_sandbox.network.reachability import CONTROL, Reachability
from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.buckets import Buckets
from cellctl_sandbox.standins.nfs import NfsStandin
from cellctl_sandbox.standins.smb import SmbStandin
from cellctl_sandbox.standins.storage_gateway import ApplianceStandin, storage_gateway_service
from cellctl_sandbox.standins.storage_gateway.shares import ShareBook

if TYPE_CHECKING:
    from cellctl_sandbox.service_faults import ServiceFaults
    from cellctl_sandbox.standins.aws_endpoint import BucketService
    from cellctl_sandbox.standins.aws_json import JsonService
    from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
    from cellctl_sandbox.standins.dialer import Standin
    from cellctl_sandbox.standins.documents import Documents
    from cellctl_sandbox.standins.smb import Directory
    from cellctl_sandbox.standins.web import Request, Response


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedFiles:
    """The API of Storage Gateway, S3, and what listens on gateways."""

    service: JsonService
    buckets: BucketService
    ports: tuple[Standin, ...]


@dataclass(frozen=True, slots=True)
class Disturbed:
    """S3 as fault rules leave it."""

    answer: Callable[[Request], Response]


def shared_files(
    documents: Callable[[str], Documents],
    view: CloudView,
    network: Reachability,
    struck: ServiceFaults,
    *,
    cell: str,
    is_appliance: Callable[[CloudObject], bool],
    directory: Directory,
) -> SharedFiles:
    """Return the stand-ins of one host; `documents` opens a table of theirs by its name."""
    gateways = documents("gateway_documents")
    objects = BucketObjects(documents("bucket_documents"), view)
    shares = ShareBook(gateways, view, trouble=network.share_trouble)
    service = storage_gateway_service(
        gateways,
        view,
        interference=struck,
        hindrance=network.appliance_hindrance,
        share_trouble=network.share_trouble,
        objects=objects,
        password=directory.password,
    )
    smb = SmbStandin(view, shares, objects, directory, cell=cell)
    appliance = ApplianceStandin(
        gateways, view, cell=cell, is_appliance=is_appliance, disturb=struck.disturb("appliance")
    )
    nfs = NfsStandin(view, shares, objects, client=CONTROL.address, cell=cell, disturb=struck.called("nfs"))
    return SharedFiles(
        service=service,
        buckets=Disturbed(struck.disturb("s3")(Buckets(view, objects, refusal=network.operator_refusal).answer)),
        ports=(appliance, nfs, smb),
    )
