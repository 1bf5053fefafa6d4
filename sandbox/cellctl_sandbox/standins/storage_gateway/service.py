"""The Storage Gateway API as one service of the sandbox's AWS endpoint."""

from __future__ import annotations

from collections.abc import Callable

from cellctl_sandbox.standins.aws_json import Interference, JsonService, Undisturbed
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.storage_gateway.gateway_operations import GatewayOperations
from cellctl_sandbox.standins.storage_gateway.gateways import Gateways, Hindrance
from cellctl_sandbox.standins.storage_gateway.settings_operations import SettingsOperations
from cellctl_sandbox.standins.storage_gateway.share_operations import ShareOperations
from cellctl_sandbox.standins.storage_gateway.shares import ShareBook


def storage_gateway_service(
    documents: Documents,
    view: CloudView,
    *,
    interference: Interference | None = None,
    hindrance: Hindrance | None = None,
    share_trouble: Callable[[CloudObject], str] | None = None,
) -> JsonService:
    """Return the service over `documents` (table `gateway_documents`) and the simulated cloud's objects.

    `hindrance` says why an appliance is not connected, `share_trouble` why it cannot use a share's bucket; without them
    everything is open to it.
    """
    gateways = Gateways(documents, view, hindrance=hindrance)
    shares = ShareBook(documents, view, trouble=share_trouble)
    operations = (
        GatewayOperations(gateways, view).operations()
        | SettingsOperations(gateways, shares).operations()
        | ShareOperations(gateways, shares, view).operations()
    )
    return JsonService(name="storagegateway", operations=operations, interference=interference or Undisturbed())
