"""The Storage Gateway API as one service of the sandbox's AWS endpoint."""

from __future__ import annotations

from cellctl_sandbox.standins.aws_json import Interference, JsonService, Undisturbed
from cellctl_sandbox.standins.cloud_view import CloudView
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.storage_gateway.gateway_operations import GatewayOperations
from cellctl_sandbox.standins.storage_gateway.gateways import Gateways
from cellctl_sandbox.standins.storage_gateway.settings_operations import SettingsOperations
from cellctl_sandbox.standins.storage_gateway.share_operations import ShareOperations
from cellctl_sandbox.standins.storage_gateway.shares import ShareBook


def storage_gateway_service(
    documents: Documents, view: CloudView, *, interference: Interference | None = None
) -> JsonService:
    """Return the service over `documents` (table `gateway_documents`) and the simulated cloud's objects."""
    gateways = Gateways(documents, view)
    shares = ShareBook(documents, view)
    operations = (
        GatewayOperations(gateways, view).operations()
        | SettingsOperations(gateways, shares).operations()
        | ShareOperations(gateways, shares, view).operations()
    )
    return JsonService(name="storagegateway", operations=operations, interference=interference or Undisturbed())
