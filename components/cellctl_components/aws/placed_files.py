"""PlacedFiles: a cell's hold on the shares of a reef that it has claimed. It owns neither shares nor buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import route53

from cellctl_components import resources as cellctl
from cellctl_components.aws.file_gateway_host import RECORD_TTL_S
from cellctl_components.aws.layout import PlaceLayout, Protocol
from cellctl_components.aws.options import child


@dataclass(frozen=True, kw_only=True)
class PlacedFilesArgs:
    """What it is made of. `clients` are the addresses of the cell's nodes, `host` the cell's name for the gateway.

    `users` are whom the share admits of its gateway's domain, None where it knows clients by their addresses.
    """

    place: PlaceLayout
    protocol: Protocol
    region: str
    clients: Sequence[str]
    zone_id: pulumi.Input[str]
    host: str
    users: Sequence[str] | None = None


class PlacedFiles(pulumi.ComponentResource):
    """The client lists of the claimed shares, and the cell's own name for their gateway: nodes mount by that name."""

    def __init__(self, name: str, args: PlacedFilesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:ShareSet", name, None, opts)
        self._args = args
        arns = (args.place.share_arn, *(one.share_arn for one in args.place.apart))
        names = (f"{name}-files", *(f"{name}-files-{number}" for number in range(2, len(arns) + 1)))
        self.access = [self._access(each, arn) for each, arn in zip(names, arns, strict=True)]
        self.record = route53.Record(
            f"{name}-name",
            zone_id=args.zone_id,
            name=args.host,
            type="CNAME",
            ttl=RECORD_TTL_S,
            records=[args.place.gateway],
            allow_overwrite=False,
            opts=child(self, delete_first=True),
        )
        self.register_outputs({"share": args.place.share})

    def _access(self, name: str, share_arn: str) -> cellctl.ShareAccess:
        args = self._args
        return cellctl.ShareAccess(
            name,
            region=args.region,
            share_arn=share_arn,
            protocol=args.protocol,
            clients=list(args.clients),
            valid_users=list(args.users) if args.users is not None else None,
            opts=child(self),
        )
