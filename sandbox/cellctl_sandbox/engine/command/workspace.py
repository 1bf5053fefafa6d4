"""Options under which the unmodified Automation API works with an embedded engine."""

from __future__ import annotations

from pathlib import Path

from pulumi.automation import LocalWorkspaceOptions

from cellctl_sandbox.engine.command import EmbeddedCommand

__all__ = ["LocalWorkspaceOptions", "workspace_options"]


def workspace_options(command: EmbeddedCommand, *, state: Path, passphrase: str) -> LocalWorkspaceOptions:
    """Return options for `create_or_select_stack` and its like; states are kept in the folder `state`."""
    state.mkdir(parents=True, exist_ok=True)
    variables = {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": passphrase}
    return LocalWorkspaceOptions(pulumi_command=command, env_vars=variables)
