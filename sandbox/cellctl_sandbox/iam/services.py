"""What AWS's services do with an object once it is made, and why they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from cellctl.facts.conditions import every
from cellctl_sandbox.estate import Estate, text, value
from cellctl_sandbox.iam import aws, tables
from cellctl_sandbox.standins.cloud_view import CloudObject

_ADDED = re.compile(r"-[A-Za-z0-9]{6}$")
INSTANCE_PROFILE = "aws:iam/instanceProfile:InstanceProfile"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105  a type token
TOPIC = "aws:sns/topic:Topic"
NFS_SHARE = "aws:storagegateway/nfsFileShare:NfsFileShare"
SUBNET = "aws:ec2/subnet:Subnet"
INTERNET = "aws:ec2/internetGateway:InternetGateway"
BUCKET = "aws:s3/bucket:Bucket"
_BY_EC2 = "arn:aws:automate:"
SEALING = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_ALGORITHM = "rules.*.applyServerSideEncryptionByDefault.sseAlgorithm"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


def trouble(estate: Estate, item: CloudObject) -> str:
    """Return why a service cannot do its work with an object, `` if it can or has none.

    Raises:
        PolicyError: A policy says something that the sandbox cannot judge.
    """
    work = WORK.get(item.type)
    return next(work(estate, item), "") if work else ""


def reads_secrets(estate: Estate, machine: CloudObject, secrets: tuple[str, ...]) -> str:
    """Return why a machine may not read one of its secrets, `` if it may read all."""
    profile = estate.one(INSTANCE_PROFILE, machine.text("iamInstanceProfile"))
    if profile is None:
        return "it has no instance profile"
    role = estate.one(aws.ROLE, profile.text("role"))
    if role is None:
        return f"instance profile {profile.id} has no role"
    arn = role.text("arn")
    return next(_reads(estate, arn, secrets), "")


def secret_of(estate: Estate, reference: str) -> CloudObject | None:
    """Return a secret by its id, or by its ARN without the six random characters of its end."""
    found = estate.one(SECRET, reference)
    return found or next((one for one in estate.all(SECRET) if one.text("arn")[:-7] == reference), None)


def _complete(reference: str) -> str:
    """Return the ARN that IAM judges of a secret that is not the cell's: a complete one (Secrets Manager guide)."""
    named = reference.startswith("arn:aws:secretsmanager:") and not _ADDED.search(reference)
    return f"{reference}-000000" if named else reference


def _reads(estate: Estate, role: str, secrets: tuple[str, ...]) -> Iterator[str]:
    yield from _said(aws.assumes(estate, "ec2.amazonaws.com", role, ""))
    for secret in secrets:
        item = secret_of(estate, secret)
        arn = item.text("arn") if item else _complete(secret)
        yield from _said(aws.lacks(estate, role, tables.actions("secret", "value"), arn))
        key = item.text("kmsKeyId") if item else ""
        if key:
            yield from _said(aws.lacks(estate, role, tables.actions("secret", "key"), key))


def _said(why: str) -> Iterator[str]:
    if why:
        yield why


def _share(estate: Estate, item: CloudObject) -> Iterator[str]:
    estate = estate.seen_by("service:storagegateway")
    role, bucket = item.text("roleArn"), item.text("locationArn")
    service = tables.principal("share", item.region)
    yield from _said(aws.assumes(estate, service, role, item.text("gatewayArn")))
    if item.type == NFS_SHARE and not item.properties.get("clientLists"):
        yield "a file share admits 1 to 100 clients, not none"
    if estate.one(BUCKET, bucket.partition("/")[0]) is None:
        yield f"bucket {bucket} does not exist"
    yield from _said(aws.lacks(estate, role, tables.actions("share", "bucket"), bucket))
    yield from _said(aws.lacks(estate, role, tables.actions("share", "object"), f"{bucket}/any"))
    if item.properties.get("kmsEncrypted") is True:
        yield from _said(aws.lacks(estate, role, tables.actions("share", "key"), item.text("kmsKeyArn")))


def _flow_log(estate: Estate, item: CloudObject) -> Iterator[str]:
    role = item.text("iamRoleArn")
    yield from _said(aws.assumes(estate, tables.principal("flow_log", item.region), role, item.text("arn")))
    group = f"{item.text('logDestination').removesuffix(':*')}:any"
    yield from _said(aws.lacks(estate, role, tables.actions("flow_log", "group"), group))


def _database(estate: Estate, item: CloudObject) -> Iterator[str]:
    role, interval = item.text("monitoringRoleArn"), item.properties.get("monitoringInterval")
    if not role:
        if interval:
            yield "InvalidParameterCombination: a MonitoringInterval needs a MonitoringRoleARN"
        return
    yield from _said(aws.assumes(estate, tables.principal("monitoring", item.region), role, item.text("arn")))
    group = f"arn:aws:logs:{item.region}:{aws.account_of(role)}:log-group:RDSOSMetrics"
    yield from _said(aws.lacks(estate, role, tables.actions("monitoring", "group"), group))


def _options(estate: Estate, item: CloudObject) -> Iterator[str]:
    """RDS takes on the role of native backups when the option is added; what the role may do shows when one is made."""
    for option in every(item.properties, "options.*"):
        if not isinstance(option, dict) or option.get("optionName") != "SQLSERVER_BACKUP_RESTORE":
            continue
        roles = [one.get("value") for one in every(option, "optionSettings.*")
                 if isinstance(one, dict) and one.get("name") == "IAM_ROLE_ARN"]  # fmt: skip
        if not roles:
            yield "InvalidParameterValue: SQLSERVER_BACKUP_RESTORE needs IAM_ROLE_ARN"
        service = tables.principal("native_backup", item.region)
        for role in roles:
            yield from _said(aws.assumes(estate, service, str(role), item.text("arn")))


def _selection(estate: Estate, item: CloudObject) -> Iterator[str]:
    service = tables.principal("backup", item.region)
    yield from _said(aws.assumes(estate, service, item.text("iamRoleArn"), ""))


def _attached(estate: Estate, item: CloudObject) -> Iterator[str]:
    """A NAT gateway is refused in a network without an internet gateway (EC2 API, Gateway.NotAttached)."""
    network = text(estate.one(SUBNET, item.text("subnetId")), "vpcId")
    if not any(gateway.text("vpcId") == network for gateway in estate.all(INTERNET)):
        yield f"Gateway.NotAttached: network {network} has no internet gateway attached"


def _access_logs(estate: Estate, item: CloudObject) -> Iterator[str]:
    """ELB tries to write when it is told where: it is refused as a request is."""
    name, prefix = text(item, "accessLogs.bucket"), text(item, "accessLogs.prefix")
    if value(item, "accessLogs.enabled") is not True:
        return
    refused = "InvalidConfigurationRequest: Access Denied for bucket"
    bucket = estate.one(BUCKET, name)
    if bucket is None:
        yield f"{refused} {name}: it does not exist"
        return
    if bucket.region != item.region:
        yield f"{refused} {name}: it is in {bucket.region}, and the load balancer in {item.region}"
    seals = [one for one in estate.all(SEALING) if one.text("bucket") == name]
    how = [str(one) for seal in seals for one in every(seal.properties, _ALGORITHM)]
    if any(one.startswith("aws:kms") for one in how):
        yield f"{refused} {name}: load balancers write only where S3 encrypts with its own key"
    account = aws.account_of(item.text("arn"))
    target = f"{bucket.text('arn')}/{prefix}/AWSLogs/{account}/any"
    actions, context = tables.actions("access_logs", "object"), dict(aws.TLS)
    yield from _said(aws.service_lacks(estate, tables.principal("access_logs", item.region), actions, target, context))


def _log_group(estate: Estate, item: CloudObject) -> Iterator[str]:
    key = item.text("kmsKeyId")
    if key:
        context = {"kms:EncryptionContext:aws:logs:arn": item.text("arn").removesuffix(":*")}
        service = tables.principal("log_group", item.region)
        yield from _said(aws.service_lacks(estate, service, tables.actions("log_group", "key"), key, context))


def _expiry(estate: Estate, item: CloudObject) -> Iterator[str]:
    """AWS takes such a rule and never does anything by it."""
    bucket = item.text("bucket")
    versions = (one for one in estate.all(VERSIONING) if one.text("bucket") == bucket)
    kept = any(text(one, "versioningConfiguration.status") == "Enabled" for one in versions)
    if not kept and any(every(item.properties, "rules.*.noncurrentVersionExpiration")):
        yield f"bucket {bucket} is not versioned: a rule for noncurrent versions needs that first"


def _alarm(estate: Estate, item: CloudObject) -> Iterator[str]:
    """AWS would show this only when the alarm goes off and nobody hears of it."""
    for action in every(item.properties, "alarmActions.*"):
        if str(action).startswith(_BY_EC2):
            continue
        topic = estate.one(TOPIC, str(action))
        key = text(topic, "kmsMasterKeyId")
        if topic is None:
            yield f"topic {action} does not exist"
        elif key:
            context = {"aws:SourceAccount": aws.account_of(str(action)), "aws:SourceArn": item.text("arn")}
            service = tables.principal("alarm", item.region)
            yield from _said(aws.service_lacks(estate, service, tables.actions("alarm", "key"), key, context))


WORK: Mapping[str, Callable[[Estate, CloudObject], Iterator[str]]] = {
    NFS_SHARE: _share,
    "aws:storagegateway/smbFileShare:SmbFileShare": _share,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:ec2/natGateway:NatGateway": _attached,
    "aws:rds/instance:Instance": _database,
    "aws:rds/optionGroup:OptionGroup": _options,
    "aws:backup/selection:Selection": _selection,
    "aws:lb/loadBalancer:LoadBalancer": _access_logs,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _expiry,
}
"""What a service must be able to do with the objects of a type; it does nothing with others."""
