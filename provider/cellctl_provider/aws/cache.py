"""The cache of a file gateway: disks are added once each, by size, because device names mean nothing (NVMe)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellctl_provider.aws.clients import gateway_code, translated
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from mypy_boto3_storagegateway import StorageGatewayClient
    from mypy_boto3_storagegateway.type_defs import DiskTypeDef

    from cellctl_provider.context import Context

_GIB = 1024**3
_DISKS_LIMIT_S = 10 * 60.0
_EVERY_S = 10.0


def added(context: Context, client: StorageGatewayClient, arn: str, sizes_gib: Sequence[int]) -> list[str]:
    """Return the ids of the cache disks once the cache has disks of `sizes_gib`, adding those it lacks.

    Raises:
        ProviderError: Disks of these sizes did not show up within 10 minutes (`unreachable`).
    """

    def look() -> list[str] | None:
        disks = _disks(client, arn)
        missing = Counter(sizes_gib) - Counter(_size(disk) for disk in disks if _is_cache(disk))
        if not missing:
            return [disk.get("DiskId", "") for disk in disks if _is_cache(disk)]
        chosen = _chosen(disks, missing)
        if len(chosen) == missing.total():
            _add(client, arn, chosen)
        return None

    listed = " + ".join(str(size) for size in sizes_gib)
    what = f"a cache of {listed} GiB on gateway {arn.rpartition('/')[2]}"
    return sorted(poll(context, look, what=what, every_s=_EVERY_S, limit_s=_DISKS_LIMIT_S))


def dirty_percent(client: StorageGatewayClient, arn: str) -> float:
    """Return how much of the cache is not in S3 yet, in percent.

    Raises:
        ProviderError: The cache cannot be read, which has to count as dirty.
    """
    with translated("reading the cache"):
        answer = client.describe_cache(GatewayARN=arn)
    if "CacheDirtyPercentage" not in answer:
        raise ProviderError("the gateway does not say how dirty its cache is", code="unreachable")
    return float(answer["CacheDirtyPercentage"])


def _disks(client: StorageGatewayClient, arn: str) -> list[DiskTypeDef]:
    with translated("listing the disks of the gateway"):
        return list(client.list_local_disks(GatewayARN=arn).get("Disks", []))


def _chosen(disks: Sequence[DiskTypeDef], missing: Counter[int]) -> list[str]:
    """Return the ids of present disks that nothing uses, one for each size that is missing."""
    left = Counter(missing)
    chosen = []
    for disk in sorted(disks, key=lambda disk: disk.get("DiskId", "")):
        free = disk.get("DiskStatus") == "present" and disk.get("DiskAllocationType") == "AVAILABLE"
        if free and left[_size(disk)] > 0:
            left[_size(disk)] -= 1
            chosen.append(disk.get("DiskId", ""))
    return chosen


def _add(client: StorageGatewayClient, arn: str, disk_ids: Sequence[str]) -> None:
    from botocore.exceptions import ClientError

    with translated("adding cache disks"):
        try:
            client.add_cache(GatewayARN=arn, DiskIds=list(disk_ids))
        except ClientError as error:
            # Both mean that an earlier call got through: the service relabels a disk once it is allocated.
            if gateway_code(error.response) not in ("DiskAlreadyAllocated", "DiskDoesNotExist"):
                raise


def _is_cache(disk: DiskTypeDef) -> bool:
    return "CACHE" in disk.get("DiskAllocationType", "").upper()


def _size(disk: DiskTypeDef) -> int:
    return int(disk.get("DiskSizeInBytes", 0)) // _GIB
