"""The Storage Gateway API as one service of the sandbox's AWS endpoint."""

from __future__ import annotations

from collections.abc import Callable

from cellctl_sandbox.standins.aws_json import Interference, JsonService, Undisturbed
from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.storage_gateway.gateway_operations import GatewayOperations
from cellctl_sandbox.standins.storage_gateway.gateways import Gateways, Hindrance
from cellctl_sandbox.standins.storage_gateway.settings_operations import SettingsOperations
from cellctl_sandbox.standins.storage_gateway.share_operations import ShareOperations
from cellctl_sandbox.standins.storage_gateway.shares import ShareBook, bucket_of


def storage_gateway_service(
    documents: Documents,
    view: CloudView,
    *,
    interference: Interference | None = None,
    hindrance: Hindrance | None = None,
    share_trouble: Callable[[CloudObject], str] | None = None,
    objects: BucketObjects | None = None,
    password: Callable[[str], str | None] = lambda _user: None,
) -> JsonService:
    """Return the service over `documents` (table `gateway_documents`) and the simulated cloud's objects.

    `hindrance` says why an appliance is not connected, `share_trouble` why it cannot use a share's bucket; without them
    everything is open to it. `objects` are what buckets hold, and what gateways still have to upload; `password` is
    that of a user of the domain, None of nobody.
    """
    shares = ShareBook(documents, view, trouble=share_trouble)

    def unsent(gateway: str) -> bool:
        mine = (share for _, share in shares.all() if share.text("gatewayArn") == gateway)
        return objects is not None and any(objects.waiting(bucket_of(share)) for share in mine)

    gateways = Gateways(documents, view, hindrance=hindrance, unsent=unsent)
    operations = (
        GatewayOperations(gateways, view).operations()
        | SettingsOperations(gateways, shares, view, password=password).operations()
        | ShareOperations(gateways, shares, view).operations()
    )
    return JsonService(name="storagegateway", operations=operations, interference=interference or Undisturbed())
