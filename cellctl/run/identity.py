"""As whom a run acts in a real account: what proves this machine's identity, and the role that only looks.

A preview takes on the account's preview role, where it names one. A state says with which role its providers worked
last, the one that changes: a run that looks reads a copy in which that is the role that looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cellctl.engine.operation import inherited
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.resources import ResourceState
from cellctl.state.values import Value

CREDENTIALS = (
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_DISABLED", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "ARM_OIDC_TOKEN_FILE_PATH",
    "ARM_USE_OIDC", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE",
)  # fmt: skip
"""How a machine proves who it is; never a profile (DESIGN section 5)."""
SESSION = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""A session that ends by itself, as a job in CI is given one. Without its token these would be somebody's own keys."""


def ambient(environment: Mapping[str, str], *, simulated: bool) -> dict[str, str]:
    """Return the variables that the processes of a run may have of its caller's."""
    if simulated:
        return inherited(environment)
    return inherited(environment, (*CREDENTIALS, *(SESSION if environment.get(SESSION[-1]) else ())))


def as_looker(checkpoint: Checkpoint, changes: str, looks: str) -> Checkpoint:
    """Return a state whose providers work as the role `looks` where they worked as `changes`."""
    return replace(checkpoint, resources=tuple(_as_looker(row, changes, looks) for row in checkpoint.resources))


def _as_looker(row: ResourceState, changes: str, looks: str) -> ResourceState:
    if not row.is_provider:
        return row
    return replace(
        row,
        inputs={key: _told(value, changes, looks) for key, value in row.inputs.items()},
        outputs={key: _told(value, changes, looks) for key, value in row.outputs.items()},
    )


def _told(value: Value, changes: str, looks: str) -> Value:
    """Providers are told everything as text, what is more than text as JSON."""
    return value.replace(changes, looks) if isinstance(value, str) else value
