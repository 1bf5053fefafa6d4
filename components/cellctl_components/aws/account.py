"""Account: what an AWS account needs before any other stack: the state's bucket and key, logs, backups, two roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam, s3

from cellctl.facts.permissions import looks, merged, permissions
from cellctl_components import naming
from cellctl_components.aws import buckets, policies, rules
from cellctl_components.aws.file_backups import FileBackupsArgs, file_backups
from cellctl_components.aws.options import child, stateful
from cellctl_components.aws.sealing_key import sealing_key
from cellctl_components.layout import Json, json_object

if TYPE_CHECKING:
    from cellctl.spec.account import AccountSpec


LOGS = "access-logs"
"""What the bucket for logs is tagged with: the policy on encryption knows it by that."""
LOG_DAYS = 365
"""How long an access log is kept: a decision of ours, long enough for a yearly look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountLayout:
    """An account's names. `cell` is the stack's; `looks` and `changes` are the API actions of cellctl's two roles.

    Names of their managed policies begin with `policy`; `backups` is that of the vault of files.
    """

    cell: str
    account: str
    region: str
    tags: Mapping[str, str]
    key_alias: str
    state_bucket: str
    log_bucket: str
    preview_role: str
    apply_role: str
    looks: Sequence[str]
    changes: Sequence[str]
    policy: str
    backups: str
    cloud: str = "aws"

    def to_json(self) -> Mapping[str, Json]:
        """Return all of it as JSON-like data, equal for equal layouts."""
        return json_object(self)


def account_layout(spec: AccountSpec, *, incarnation: int = 1) -> AccountLayout:
    """Return the layout of an account on AWS.

    Raises:
        SpecError: AWS has no such region.
    """
    rules.check_account(spec)
    name, region = spec.metadata.name, spec.spec.region
    actions = merged((looks("aws"), *permissions("aws").values()))

    def bucket(role: str) -> str:
        return naming.distinct(f"account-{name}-{role}", 63, region, str(incarnation))

    return AccountLayout(
        cell=f"account-{name}",
        account=name,
        region=region,
        tags={"account": name, "managed-by": "cellctl"},
        key_alias=f"alias/cellctl-{name}",
        state_bucket=bucket("state"),
        log_bucket=bucket("logs"),
        preview_role=naming.account_name(name, "preview", limit=64),
        apply_role=naming.account_name(name, "apply", limit=64),
        looks=actions.read,
        changes=actions.write,
        policy=naming.account_name(name, limit=112),
        backups=naming.account_name(name, limit=50),
    )


@dataclass(frozen=True, kw_only=True)
class AccountArgs:
    """What an account is made of. `account` is its id: bucket names are global, so they end in a digest of it."""

    layout: AccountLayout
    account: str


class Account(pulumi.ComponentResource):
    """The base of an account. `facts` are the stack's outputs: what `cellctl.yaml` then says of it."""

    def __init__(self, name: str, args: AccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Account", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        what = "States of cellctl, and what no cell has a key for"
        self.key = sealing_key(name, args.layout.key_alias, what, args.account, args.layout.region, self)
        self.state = self._bucket("state", args.layout.state_bucket)
        self.logs = self._log_bucket(args.layout.log_bucket)
        self.backups = file_backups(name, FileBackupsArgs(name=args.layout.backups, key_arn=self.key.arn), self)
        self.preview_role = self._role("preview", args.layout.preview_role)
        self.apply_role = self._role("apply", args.layout.apply_role)
        self._allow()
        self.facts: Mapping[str, pulumi.Input[object]] = self._facts()
        self.register_outputs({"state": self.state.bucket})

    def _bucket(self, label: str, bucket_name: str) -> s3.Bucket:
        bucket = s3.Bucket(
            f"{self._name}-{label}",
            bucket=naming.distinct(bucket_name, 63, self._args.account),
            force_destroy=False,
            opts=stateful(self),
        )
        policy = bucket.arn.apply(policies.tls_only)
        buckets.guarded(f"{self._name}-{label}", bucket, self, self.key.arn, policy)
        return bucket

    def _log_bucket(self, bucket_name: str) -> s3.Bucket:
        """Load balancers write into no bucket that a key of ours seals (reference of ELB: SSE-S3 alone)."""
        bucket = s3.Bucket(
            f"{self._name}-logs",
            bucket=naming.distinct(bucket_name, 63, self._args.account),
            force_destroy=False,
            tags={"holds": LOGS},
            opts=stateful(self),
        )
        policy = bucket.arn.apply(lambda arn: policies.access_logs(arn, self._args.account))
        buckets.guarded(f"{self._name}-logs", bucket, self, None, policy, days=LOG_DAYS)
        return bucket

    def _role(self, label: str, role_name: str) -> iam.Role:
        return iam.Role(
            f"{self._name}-{label}",
            name=role_name,
            path="/cellctl/",
            assume_role_policy=policies.operator_trust(self._args.account),
            force_detach_policies=True,
            opts=stateful(self),
        )

    def _allow(self) -> None:
        """Policies for each role, made of what programs declare: what is in none of them, cellctl cannot do.

        What is allowed on everything is in managed ones, because a role's own hold too little.
        """
        layout, account = self._layout, self._args.account
        looks = self._managed("look", policies.allowing("Look", layout.looks))
        changes = self._managed("change", policies.allowing("Change", policies.anywhere(layout.changes)))
        both = pulumi.Output.all(self.state.arn, self.key.arn)
        look = pulumi.Output.all(self.state.arn, self.key.arn, self.preview_role.arn)
        looking = look.apply(lambda got: policies.looking(*got))
        changing = both.apply(lambda got: policies.changing(layout.changes, account, got[0], got[1]))
        for label, role, policy, managed in (
            ("preview", self.preview_role, looking, looks),
            ("apply", self.apply_role, changing, {**looks, **changes}),
        ):
            attached = [self._attached(f"{label}-{which}", role, one) for which, one in managed.items()]
            # Last: an account whose role had all of it in this one policy is never without.
            opts = child(self, *attached)
            iam.RolePolicy(f"{self._name}-{label}", name="cellctl", role=role.id, policy=policy, opts=opts)

    def _managed(self, what: str, documents: Sequence[str]) -> dict[str, iam.Policy]:
        return {
            f"{what}-{number}": iam.Policy(
                f"{self._name}-{what}-{number}",
                name=f"{self._layout.policy}-{what}-{number}",
                path="/cellctl/",
                description=f"What cellctl may do: {what}",
                policy=document,
                opts=child(self),
            )
            for number, document in enumerate(documents, start=1)
        }

    def _attached(self, label: str, role: iam.Role, policy: iam.Policy) -> iam.RolePolicyAttachment:
        return iam.RolePolicyAttachment(
            f"{self._name}-{label}", role=role.name, policy_arn=policy.arn, opts=child(self)
        )

    def _facts(self) -> dict[str, pulumi.Input[object]]:
        alias, region = self._layout.key_alias, self._layout.region
        return {
            "state": pulumi.Output.concat("s3://", self.state.bucket, f"?region={region}"),
            "secrets": f"awskms:///{alias}?region={region}",
            "applyRole": self.apply_role.arn,
            "previewRole": self.preview_role.arn,
            "logBucket": self.logs.bucket,
            "logs": pulumi.Output.concat("s3://", self.logs.bucket, f"?region={region}"),
            "key": self.key.arn,
            "backups": self.backups.arn,
        }
