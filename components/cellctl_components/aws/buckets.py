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
    key_arn: pulumi.Input[str],
    policy: pulumi.Input[str],
) -> list[pulumi.Resource]:
    """Declare the guards of a bucket, all called `label`; they stay as long as the bucket does."""
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
        _versions(label, bucket, parent),
    ]


def _versions(label: str, bucket: s3.Bucket, parent: pulumi.ComponentResource) -> s3.BucketVersioning:
    versioning = s3.BucketVersioning(
        label,
        bucket=bucket.id,
        versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=stateful(parent),
    )
    s3.BucketLifecycleConfiguration(label, bucket=bucket.id, rules=[_expiry()], opts=stateful(parent, versioning))
    return versioning


def _sealed(key_arn: pulumi.Input[str]) -> s3.BucketServerSideEncryptionConfigurationRuleArgs:
    default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=key_arn
    )
    return s3.BucketServerSideEncryptionConfigurationRuleArgs(
        bucket_key_enabled=True, apply_server_side_encryption_by_default=default
    )


def _expiry() -> s3.BucketLifecycleConfigurationRuleArgs:
    """Old versions go, and uploads that were never finished; current objects stay where the gateway can read them."""
    return s3.BucketLifecycleConfigurationRuleArgs(
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
