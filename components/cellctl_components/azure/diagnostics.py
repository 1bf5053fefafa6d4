"""The workspace of a stack, and diagnostic settings: which logs of an object go there."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import monitor, operationalinsights

from cellctl_components.azure.place import Place, child


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


def log_workspace(
    parent: pulumi.ComponentResource, name: str, place: Place, workspace: str, *, days: int
) -> operationalinsights.Workspace:
    """Declare `NAME-workspace`, a Log Analytics workspace that keeps what it is sent for so many days."""
    return operationalinsights.Workspace(
        f"{name}-workspace",
        resource_group_name=place.resource_group,
        workspace_name=workspace,
        location=place.location,
        sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
        retention_in_days=days,
        tags=place.tags,
        opts=child(parent),
    )
