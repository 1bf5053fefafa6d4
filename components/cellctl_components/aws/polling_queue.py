"""PollingQueue: the queue that a cell's nodes share, so that polling Tentacles need one address.

Octopus' own demands (octopus.com/docs, multi-node polling Tentacles, 2026-10-08): memory only, no replica, nothing
evicted. A machine that fails is replaced by the service, empty; Octopus notices and asks its Tentacles again.
"""

from __future__ import annotations

import secrets as entropy
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import elasticache, secretsmanager

from cellctl_components.aws.layout import QUEUE_PORT, QueueLayout
from cellctl_components.aws.options import child, stateful

_TOKEN_BYTES = 48  # 64 characters; the service takes 16 to 128


@dataclass(frozen=True, kw_only=True)
class PollingQueueArgs:
    """What it is made of. `security_group_id` admits the nodes, `subnet_ids` lie in two zones or more."""

    layout: QueueLayout
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    recovery_days: int


class PollingQueue(pulumi.ComponentResource):
    """One machine of ElastiCache, over TLS and with a token that is in a secret of its own: `secret`, never an output.

    The queue holds nothing that must be kept: requests that were lost are made again. Its tokens are kept, as every
    secret is: each is a version of the one secret, and `token` is the last. With a new one the one before stays good,
    so that nodes come over one after another (ElastiCache, rotating AUTH tokens).
    """

    def __init__(self, name: str, args: PollingQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:PollingQueue", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.secret = self._secret()
        self.token = self._tokens()
        self.group = self._group()
        self.address: pulumi.Output[str] = self.group.primary_endpoint_address
        self.register_outputs({"address": self.address})

    def _secret(self) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            f"{self._name}-token",
            name=self._layout.secret,
            description="Token of the queue of polling Tentacles",
            kms_key_id=self._args.key_arn,
            recovery_window_in_days=self._args.recovery_days,
            opts=stateful(self),
        )

    def _tokens(self) -> secretsmanager.SecretVersion:
        """Declare every token there was, each after the one before it: the last one is what is read."""
        token = self._token(1)
        for number in range(2, self._layout.tokens + 1):
            token = self._token(number, token)
        return token

    def _token(self, number: int, *before: pulumi.Resource) -> secretsmanager.SecretVersion:
        return secretsmanager.SecretVersion(
            f"{self._name}-token" if number == 1 else f"{self._name}-token-{number}",
            secret_id=self.secret.id,
            secret_string=pulumi.Output.secret(entropy.token_urlsafe(_TOKEN_BYTES)),
            # Made once: what a later run generates is not looked at.
            opts=stateful(self, *before, ignore=["secretString", "versionStages"]),
        )

    def _group(self) -> elasticache.ReplicationGroup:
        layout = self._layout
        subnets = elasticache.SubnetGroup(
            f"{self._name}-subnets", name=layout.name, subnet_ids=list(self._args.subnet_ids), opts=child(self)
        )
        parameters = elasticache.ParameterGroup(
            f"{self._name}-parameters",
            name=layout.name,
            family=layout.family,
            parameters=[elasticache.ParameterGroupParameterArgs(name="maxmemory-policy", value="noeviction")],
            opts=child(self, delete_first=True),
        )
        return elasticache.ReplicationGroup(
            f"{self._name}-group",
            replication_group_id=layout.name,
            description="Queue of polling Tentacles of one Octopus cell",
            engine=layout.engine,
            engine_version=layout.engine_version,
            node_type=layout.node_type,
            num_cache_clusters=1,
            automatic_failover_enabled=False,
            multi_az_enabled=False,
            snapshot_retention_limit=0,
            port=QUEUE_PORT,
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[self._args.security_group_id],
            at_rest_encryption_enabled=True,
            kms_key_id=self._args.key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            # What the secret holds, whichever run made it.
            auth_token=self.token.secret_string.apply(lambda token: token or ""),
            auth_token_update_strategy="ROTATE" if layout.tokens > 1 else None,
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            maintenance_window=layout.window,
            opts=child(self, delete_first=True),
        )
