"""The key of a stack: rotated every year, gone 30 days after its deletion, found by its alias."""

from __future__ import annotations

import pulumi
from pulumi_aws import kms

from cellctl_components.aws import policies
from cellctl_components.aws.options import child, stateful


def sealing_key(  # noqa: PLR0917
    name: str, alias: str, what: str, account: str, region: str, parent: pulumi.ComponentResource
) -> kms.Key:
    """Declare a key and its alias, both called `NAME-key`; `what` says what it seals."""
    key = kms.Key(
        f"{name}-key",
        description=what,
        policy=policies.key(account, region),
        enable_key_rotation=True,
        rotation_period_in_days=365,
        deletion_window_in_days=30,
        opts=stateful(parent),
    )
    kms.Alias(f"{name}-key", name=alias, target_key_id=key.key_id, opts=child(parent))
    return key
