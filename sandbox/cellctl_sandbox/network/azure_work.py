"""What Azure's services cannot do with an object, by its type; each judge says why, `` if it can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network import azure_alerts, azure_backups, azure_gateways, azure_names, azure_seals
from cellctl_sandbox.standins.cloud_view import CloudObject

WORK: Mapping[str, Callable[[Estate, CloudObject], str]] = {
    **dict.fromkeys(azure_seals.SEALED, azure_seals.trouble),
    azure_alerts.ALERT: azure_alerts.trouble,
    azure_names.GATEWAY: azure_gateways.trouble,
    azure_backups.ITEM: azure_backups.trouble,
}
