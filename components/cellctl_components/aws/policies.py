"""Policy documents, as JSON text. Pure: what they let nobody do is tested here, not in the cloud.

Source of the gateway's permissions: reference aws.md 1.5 and octopus.md 2.6 (AWS Storage Gateway user guide).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

Statement = dict[str, object]

_BUCKET_ACTIONS = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
)
_OBJECT_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectVersion",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "s3:PutObjectAcl",
)
_BACKUP_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectAttributes",
    "s3:PutObject",
    "s3:ListMultipartUploadParts",
    "s3:AbortMultipartUpload",
)
_SECRET_VALUES = ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")
_SEALED_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_SEALED_SERVICES = ("backup", "ec2", "elasticache", "rds", "s3", "secretsmanager")
"""What whoever makes a sealed secret, disk or database needs of its key, and through which services alone (KMS
Developer Guide, how services use KMS, from memory, 2026-11)."""
_LOG_KEY_ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
"""As CloudWatch Logs writes them in its own guide."""
_LINKED_SERVICES = (
    "elasticache.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "events.amazonaws.com",
    "rds.amazonaws.com",
)
"""Services that make a role of their own when an account uses them first, in whoever's name asks them; `events` is the
one that recovers machines (IAM User Guide, AWS services that work with IAM, from memory, 2026-11)."""
MANAGED_LIMIT = 6_144
"""Characters of a managed policy, without white space (IAM quotas, 2026-11); a role has ten of them at most."""
_KEY_ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey", "kms:DescribeKey")


def document(*statements: Statement) -> str:
    """Return a policy document of `statements`, as compact JSON with sorted keys: equal policies are equal text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True, separators=(",", ":"))


def trust(service: str, *, account: str, source: str | Sequence[str] = "") -> str:
    """Return who may assume a role: one service, on behalf of this account (and of `source` ARNs) only."""
    condition: dict[str, dict[str, object]] = {"StringEquals": {"aws:SourceAccount": account}}
    if source:
        condition["ArnLike"] = {"aws:SourceArn": source if isinstance(source, str) else list(source)}
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
    )


def service_trust(service: str) -> str:
    """Return the trust of a role that a service assumes without saying on whose behalf."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def instance_trust() -> str:
    """Return the trust of an instance's role; EC2 sets no source condition when it assumes one."""
    return service_trust("ec2.amazonaws.com")


def gateway(buckets: Sequence[str], key_arn: str) -> str:
    """Return what the gateway's role may do: exactly its buckets, and their key."""
    return document(
        {"Effect": "Allow", "Action": list(_BUCKET_ACTIONS), "Resource": list(buckets)},
        {"Effect": "Allow", "Action": list(_OBJECT_ACTIONS), "Resource": [f"{bucket}/*" for bucket in buckets]},
        {"Effect": "Allow", "Action": list(_KEY_ACTIONS), "Resource": [key_arn]},
    )


def native_backups(bucket_arn: str, key_arn: str) -> str:
    """Return what SQL Server's own backups take: their bucket and its key (RDS User Guide, native backup and restore,
    from memory, 2026-11)."""
    return document(
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": [bucket_arn]},
        {"Effect": "Allow", "Action": list(_BACKUP_ACTIONS), "Resource": [f"{bucket_arn}/*"]},
        {
            "Effect": "Allow",
            "Action": ["kms:DescribeKey", "kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt"],
            "Resource": [key_arn],
        },
    )


def bucket(bucket_arn: str, writer_arn: str, *, operator: str = "") -> str:
    """Return a bucket's policy: TLS 1.2 or nothing, and one writer (two would corrupt a file gateway's view).

    Nobody else deletes either, but for the `operator`, who empties a bucket once its share is nobody's.
    """
    removers = [writer_arn, *([operator] if operator else [])]
    return document(
        *_tls_only(bucket_arn),
        _only("OneWriter", ("s3:PutObject", "s3:PutObjectAcl"), bucket_arn, [writer_arn]),
        _only("NoOtherDeletes", ("s3:DeleteObject", "s3:DeleteObjectVersion"), bucket_arn, removers),
    )


def _only(sid: str, actions: Sequence[str], bucket_arn: str, roles: Sequence[str]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": [f"{bucket_arn}/*"],
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": roles[0] if len(roles) == 1 else list(roles)}},
    }


def tls_only(bucket_arn: str) -> str:
    """Return the policy of a bucket that several may write into: TLS 1.2 or nothing."""
    return document(*_tls_only(bucket_arn))


def access_logs(bucket_arn: str, account: str) -> str:
    """Return the policy of a bucket for access logs: load balancers of this account write there, over TLS 1.2 or later.

    Elastic Load Balancing names the account of the balancer in what it writes, so the path says whose it may be; one
    principal serves all regions (ELB user guide, Enable access logs for your Application Load Balancer, 2026-11).
    """
    return document(
        *_tls_only(bucket_arn),
        {
            "Sid": "LoadBalancers",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/*/AWSLogs/{account}/*",
        },
    )


def _tls_only(bucket_arn: str) -> tuple[Statement, ...]:
    both = [bucket_arn, f"{bucket_arn}/*"]
    return (
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": both,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "RecentTlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": both,
            "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        },
    )


def node(secrets: Sequence[str], key_arn: str) -> str:
    """Return what a node may do: read those of its cell's secrets that it boots with, nothing else."""
    return document(
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [*secrets]},
        {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key_arn]},
    )


def operator_trust(account: str) -> str:
    """Return who may become cellctl in an account: whom its own IAM allows it, and nobody of another account."""
    return document(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    )


def allowing(sid: str, actions: Sequence[str]) -> list[str]:
    """Return managed policies that allow actions on everything, as few as hold them: none is longer than IAM takes.

    Which object an action is for, the calls themselves do not let IAM judge: most are for what has no name yet.
    """
    documents: list[str] = []
    held: list[str] = []
    for action in actions:
        if held and len(_allows(sid, [*held, action])) > MANAGED_LIMIT:
            documents.append(_allows(sid, held))
            held = []
        held.append(action)
    return [*documents, _allows(sid, held)]


def _allows(sid: str, actions: Sequence[str]) -> str:
    return document({"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": "*"})


def looking(state_arn: str, key_arn: str, role_arn: str) -> str:
    """Return what a preview may do beside looking at what programs declare: read the state, and take on its own role.

    The last is for a job in CI that was given a session of this role: whoever runs cellctl takes on the role it names.
    """
    return document(
        {"Sid": "Itself", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn},
        _state(state_arn, ("s3:GetObject", "s3:ListBucket")),
        {"Sid": "Open", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": [key_arn]},
    )


def anywhere(changes: Sequence[str]) -> list[str]:
    """Return those changes that are allowed on everything: roles and secrets are not."""
    return [action for action in changes if action not in _SECRET_VALUES and not action.startswith("iam:")]


def changing(changes: Sequence[str], account: str, state_arn: str, key_arn: str) -> str:
    """Return what a change may do on named things only: roles and secrets below cellctl's own paths, and the state."""
    own = [f"arn:aws:iam::{account}:{kind}/cells/*" for kind in ("role", "instance-profile")]
    secret = [action for action in changes if action in _SECRET_VALUES]
    iam = [action for action in changes if action.startswith("iam:")]
    paths = [f"arn:aws:secretsmanager:*:{account}:secret:{name}*" for name in ("cells/", "rds!", "octopus/")]
    return document(
        {"Sid": "Roles", "Effect": "Allow", "Action": iam, "Resource": own},
        {"Sid": "Secrets", "Effect": "Allow", "Action": secret, "Resource": paths},
        {
            "Sid": "Sealed",
            "Effect": "Allow",
            "Action": list(_SEALED_ACTIONS),
            "Resource": [f"arn:aws:kms:*:{account}:key/*"],
            "Condition": {"StringLike": {"kms:ViaService": [f"{one}.*.amazonaws.com" for one in _SEALED_SERVICES]}},
        },
        {
            "Sid": "ServiceRoles",
            "Effect": "Allow",
            "Action": ["iam:CreateServiceLinkedRole"],
            "Resource": [f"arn:aws:iam::{account}:role/aws-service-role/*"],
            "Condition": {"StringEquals": {"iam:AWSServiceName": list(_LINKED_SERVICES)}},
        },
        _state(state_arn, ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket")),
        {"Sid": "Open", "Effect": "Allow", "Action": list(_KEY_ACTIONS), "Resource": [key_arn]},
    )


def _state(state_arn: str, actions: Sequence[str]) -> Statement:
    return {"Sid": "State", "Effect": "Allow", "Action": list(actions), "Resource": [state_arn, f"{state_arn}/*"]}


def key(account: str, region: str) -> str:
    """Return the key's policy: the account decides by IAM; logs and alarms may use it for this account only."""
    return document(
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": list(_LOG_KEY_ACTIONS),
            "Resource": "*",
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"}
            },
        },
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        },
    )


def write_logs(log_group_arn: str) -> str:
    """Return what flow logs may do: write into one log group."""
    return document(
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            "Resource": [f"{log_group_arn}:*"],
        }
    )
