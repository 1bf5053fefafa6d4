"""What guards a bucket: ownership, no public, encryption, a policy, and versions that are kept for a while."""

from __future__ import annotations

import pulumi
from pulumi_aws import s3

from cellctl_components.aws.options import stateful

NONCURRENT_DAYS = 30


def guarded(
    label: str,
    bucket: s3.Bucket,
    parent: pulumi.ComponentResource,
    key_arn: pulumi.Input[str] | None,
    policy: pulumi.Input[str],
    *,
    days: int = 0,
) -> list[pulumi.Resource]:
    """Declare the guards of a bucket, all called `label`; they stay as long as the bucket does.

    Without a key S3 seals what it holds with its own. What is in it goes after `days`, 0 never.
    """
    kept = stateful(parent)
    return [
        s3.BucketOwnershipControls(
            label,
            bucket=bucket.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=kept,
        ),
        s3.BucketPublicAccessBlock(
            label,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=kept,
        ),
        s3.BucketServerSideEncryptionConfiguration(label, bucket=bucket.id, rules=[_sealed(key_arn)], opts=kept),
        s3.BucketPolicy(label, bucket=bucket.id, policy=policy, opts=kept),
        _versions(label, bucket, parent, days),
    ]


def _versions(label: str, bucket: s3.Bucket, parent: pulumi.ComponentResource, days: int) -> s3.BucketVersioning:
    versioning = s3.BucketVersioning(
        label,
        bucket=bucket.id,
        versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=stateful(parent),
    )
    s3.BucketLifecycleConfiguration(label, bucket=bucket.id, rules=[_expiry(days)], opts=stateful(parent, versioning))
    return versioning


def _sealed(key_arn: pulumi.Input[str] | None) -> s3.BucketServerSideEncryptionConfigurationRuleArgs:
    if key_arn is None:
        own = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256"
        )
        return s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=own)
    default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=key_arn
    )
    return s3.BucketServerSideEncryptionConfigurationRuleArgs(
        bucket_key_enabled=True, apply_server_side_encryption_by_default=default
    )


def _expiry(days: int) -> s3.BucketLifecycleConfigurationRuleArgs:
    """Old versions go, and uploads that were never finished; current objects stay where the gateway can read them."""
    return s3.BucketLifecycleConfigurationRuleArgs(
        expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days) if days else None,
        id="noncurrent",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=NONCURRENT_DAYS
        ),
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=7
        ),
    )
