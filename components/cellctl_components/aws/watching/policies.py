"""What a watcher may do, and what AWS does as it, as JSON text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellctl_components.aws.policies import Statement, document

_INTERFACE_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does, as a function's role, for a function in a network (managed policy AWSLambdaVPCAccessExecutionRole,
from memory, 2026-11)."""


def services(function_arn: str, *, in_network: bool) -> str:
    """Return what Lambda and EventBridge Scheduler do as a watcher's role, and the function's own code may not.

    Scheduler starts the function, Lambda puts it into a network. An interface has no name before it is made, so those
    actions are for any. `lambda:SourceFunctionArn` is on calls of a function's code only (Lambda Developer Guide,
    Working with Lambda execution environment credentials, from memory, 2026-11).
    """
    own: dict[str, list[str] | str] = {"Action": ["lambda:InvokeFunction"], "Resource": [function_arn]}
    network: tuple[Statement, ...] = (
        ({"Sid": "Network", "Effect": "Allow", "Action": list(_INTERFACE_ACTIONS), "Resource": "*"},)
        if in_network
        else ()
    )
    denied = ["lambda:InvokeFunction", *(_INTERFACE_ACTIONS if in_network else ())]
    return document(
        {"Sid": "Clock", "Effect": "Allow", **own},
        *network,
        {
            "Sid": "NotItsCode",
            "Effect": "Deny",
            "Action": denied,
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": function_arn}},
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a watcher looks at: ARNs of databases and gateways, and of the secret with Octopus' API key."""

    databases: Sequence[str] = ()
    gateways: Sequence[str] = ()
    secret: str = ""


def looks(seen: Seen, *, key_arn: str, log_group_arn: str, namespace: str, region: str) -> str:
    """Return what a watcher may do: look at its own, publish into its own namespace, log into its own group.

    Metrics have no ARN: the namespace is what CloudWatch limits (CloudWatch user guide, Using condition keys).
    """
    return document(
        *_described("Databases", "rds:DescribeDBInstances", seen.databases),
        *_described("Gateways", "storagegateway:DescribeGatewayInformation", seen.gateways),
        *_of_nodes(seen.secret, key_arn, region),
        {
            "Sid": "Metrics",
            "Effect": "Allow",
            "Action": ["cloudwatch:PutMetricData"],
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": namespace}},
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [f"{log_group_arn}:*"],
        },
    )


def _described(sid: str, action: str, arns: Sequence[str]) -> tuple[Statement, ...]:
    look: Statement = {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": [*arns]}
    return (look,) if arns else ()


def _of_nodes(secret_arn: str, key_arn: str, region: str) -> tuple[Statement, ...]:
    if not secret_arn:
        return ()
    by_secrets = {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}}
    return (
        {"Sid": "ApiKey", "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secret_arn]},
        {"Sid": "Key", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key_arn], "Condition": by_secrets},
    )


def trust(account: str, region: str) -> str:
    """Return who takes on a watcher's role: Lambda, and Scheduler for schedules of this account."""
    group = f"arn:aws:scheduler:{region}:{account}:schedule-group/default"
    return document(
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": group}},
        },
    )
