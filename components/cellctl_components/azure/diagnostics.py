"""Diagnostic settings: which logs of an object go to the cell's workspace."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import monitor

from cellctl_components.azure.place import child


def send_logs(
    parent: pulumi.ComponentResource,
    name: str,
    source: pulumi.Input[str],
    workspace: pulumi.Input[str],
    categories: Sequence[str],
    *after: pulumi.Resource,
) -> monitor.DiagnosticSetting:
    """Declare a setting that sends log `categories` of the object with id `source` to a Log Analytics workspace."""
    return monitor.DiagnosticSetting(
        name,
        resource_uri=source,
        name="cellctl",
        workspace_id=workspace,
        logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in categories],
        opts=child(parent, *after),
    )
