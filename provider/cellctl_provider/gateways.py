"""What `cellctl` asks of gateways beside its programs: how they are, whether a share works, what a bucket holds."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellctl.dialer import Dialer, DirectDialer
from cellctl.errors import EngineError
from cellctl.gates import GatewayFacts
from cellctl_provider.aws import cache, s3, share_probe
from cellctl_provider.aws.clients import translated
from cellctl_provider.aws.share_access import ShareAccessHandler
from cellctl_provider.context import Context
from cellctl_provider.credentials import Credentials, FederatedCredentials
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl.gates import GatewayTarget, ShareTarget

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_ROUNDS, _QUIET_S = 5, 60.0
"""A gateway may still upload what it took before; two refreshes are 60 s apart at least (botocore 1.44.8)."""
_AT_ONCE = 10  # ARNs in one Describe call (botocore 1.44.8)


class ProviderGateways:
    """Satisfies `cellctl.verify.gates.GatewayReader`. `sleep` waits between two looks, in the cloud's own time."""

    def __init__(self, *, dialer: Dialer, credentials: Credentials, sleep: Callable[[float], None]) -> None:
        self._context = Context(dialer=dialer, sleep=sleep, credentials=credentials)

    def facts(self, target: GatewayTarget) -> GatewayFacts:
        """Return what the service says of a gateway.

        Raises:
            EngineError: It is not connected, or not there (code `gateway_unreachable`).
        """
        client = self._context.aws.storage_gateway(target.region)
        with _typed("gateway_unreachable"):
            with translated(f"reading gateway {target.name}"):
                found = client.describe_gateway_information(GatewayARN=target.arn)
                window = client.describe_maintenance_start_time(GatewayARN=target.arn)
            return GatewayFacts(
                software=found.get("SoftwareVersion", ""),
                deprecated=_date(found.get("DeprecationDate", "")),
                updates_end=_date(found.get("SoftwareUpdatesEndDate", "")),
                window=_window(dict(window)),
                dirty_percent=cache.dirty_percent(client, target.arn),
            )

    def share_states(self, target: GatewayTarget) -> Mapping[str, str]:
        """Return the state of each share by its ARN.

        Raises:
            EngineError: They cannot be read (code `gateway_unreachable`).
        """
        client = self._context.aws.storage_gateway(target.region)
        arns = [share.arn for share in target.shares]
        states: dict[str, str] = {}
        with _typed("gateway_unreachable"), translated(f"reading the shares of gateway {target.name}"):
            for start in range(0, len(arns), _AT_ONCE):
                some = arns[start : start + _AT_ONCE]
                if target.protocol == "nfs":
                    rows = client.describe_nfs_file_shares(FileShareARNList=some)["NFSFileShareInfoList"]
                    states |= {row.get("FileShareARN", ""): row.get("FileShareStatus", "") for row in rows}
                else:
                    found = client.describe_smb_file_shares(FileShareARNList=some)["SMBFileShareInfoList"]
                    states |= {row.get("FileShareARN", ""): row.get("FileShareStatus", "") for row in found}
        return states

    def probe(self, target: GatewayTarget, share: ShareTarget) -> str:
        """Write a file through a share, find it in the bucket, and remove it; return that as a sentence.

        Raises:
            EngineError: Some step of it failed (code `probe_failed`).
        """
        with _typed("probe_failed"):
            return share_probe.probed(self._context, target, share)

    def unused(self, target: GatewayTarget) -> tuple[str, ...]:
        """Return the ARNs of the unproven shares that admit nobody and whose buckets hold nothing.

        What a probe that was killed left in one is removed. A share that admits somebody is a cell's, whatever any
        registry says. What the gateway remembers of files that are gone ends with its cache's time (300 s).

        Raises:
            EngineError: One of them cannot be read (code `scrub_failed`).
        """
        access = ShareAccessHandler(self._context)
        with _typed("scrub_failed"):
            return tuple(
                share.arn
                for share in target.unproven
                if access.closed(target.region, share.arn, target.protocol)
                and share_probe.untouched(self._context, target.region, share.bucket)
            )

    def scrub(self, region: str, bucket: str, share: str = "") -> int:
        """Count what a bucket holds: versions, delete markers, unfinished uploads.

        With the ARN of the share in front of it all of it is removed first, and the share is told to look anew.

        Raises:
            EngineError: It cannot be listed, or something in it cannot be deleted (code `scrub_failed`).
        """
        with _typed("scrub_failed"):
            for _ in range(_ROUNDS if share else 0):
                if not self._emptied(region, bucket, share):
                    break
            return sum(1 for _ in s3.versions(self._context, region, bucket))

    def _emptied(self, region: str, bucket: str, share: str) -> bool:
        """Delete what a bucket holds; tell whether there is something again a while later: a last upload."""
        for version in [*s3.versions(self._context, region, bucket)]:
            s3.delete(self._context, region, bucket, version)
        with translated("making the gateway look anew"):
            client = self._context.aws.storage_gateway(region)
            client.refresh_cache(FileShareARN=share, FolderList=["/"], Recursive=True)
        self._context.sleep(_QUIET_S)
        return any(s3.versions(self._context, region, bucket))

    def close(self) -> None:
        """Close pooled connections."""
        self._context.close()


def federated(role: str, account: str) -> ProviderGateways:
    """Return what looks at gateways of a real account as its role (entry-point group `cellctl.gateways`)."""
    variables = {"cellctl:config:awsRole": role, "cellctl:config:awsAccount": account}
    return ProviderGateways(dialer=DirectDialer(), credentials=FederatedCredentials(variables), sleep=time.sleep)


@contextmanager
def _typed(code: str) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        raise EngineError(error.message, code=code) from error


def _date(said: str) -> str:
    """Return the day of a point in time as the service writes it, `` where it says none that is one."""
    try:
        return datetime.datetime.fromisoformat(said.replace("Z", "+00:00")).date().isoformat()
    except ValueError:
        return ""


def _window(found: Mapping[str, object]) -> str:
    hour, minute, day = (found.get(key) for key in ("HourOfDay", "MinuteOfHour", "DayOfWeek"))
    if not isinstance(hour, int) or not isinstance(minute, int):
        return ""
    when = _DAYS[day % 7] if isinstance(day, int) else f"day {found.get('DayOfMonth', 1)} of the month"
    return f"{when} {hour:02d}:{minute:02d} {found.get('Timezone') or 'GMT'}"
