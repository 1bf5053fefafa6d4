"""Names that an account is part of. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl_components.naming import HASH_LENGTH, digest

if TYPE_CHECKING:
    from cellctl_components.aws.layout import ShareLayout


def bucket_in(bucket: str, account_id: str) -> str:
    """Return a bucket's name that no other account makes."""
    return bucket[:-HASH_LENGTH] + digest(bucket, account_id)


def secret_arn(reference: str, region: str, account: str) -> str:
    """Return the ARN of a secret; of a name it is the ARN without AWS's random end, `` of none."""
    if not reference or reference.startswith("arn:"):
        return reference
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{reference}"


def shares_in(shares: tuple[ShareLayout, ...], account_id: str) -> tuple[ShareLayout, ...]:
    """Return shares with bucket names that no other account makes."""
    return tuple(replace(share, bucket=bucket_in(share.bucket, account_id)) for share in shares)
