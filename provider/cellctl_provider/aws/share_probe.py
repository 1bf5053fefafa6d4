"""A share is tried as a node uses it: mounted, written, read; and the file must come to the bucket and go again.

The share admits nobody before and after, and cellctl's own range in between. No cell may have it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cellctl_provider.aws import s3
from cellctl_provider.aws.clients import translated
from cellctl_provider.aws.share_access import ShareAccessHandler
from cellctl_provider.nfs import Identity, NfsError, mounted
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl.gates import GatewayTarget, ShareTarget
    from cellctl_provider.context import Context

FILE = ".cellctl-probe"
"""Always the same name: what a probe that was killed leaves, the next one removes."""

_SHUT = (2, 13)
"""How a gateway answers whom it does not let in: no such share, access denied. Any other refusal proves nothing."""
_EVERY_S = 5.0
_LIMIT_S = 5 * 60.0


def probed(context: Context, gateway: GatewayTarget, share: ShareTarget) -> str:
    """Try a share and return what was seen.

    Raises:
        ProviderError: A step failed; the message says which.
    """
    if gateway.protocol != "nfs":
        raise ProviderError("shares over SMB need a domain's user to be tried: not built", code="invalid")
    access = ShareAccessHandler(context)
    access.admit(gateway.region, share.arn, "nfs", [])
    identity = _identity(context, gateway, share)
    _refused(context, gateway, share, identity)
    access.admit(gateway.region, share.arn, "nfs", [gateway.control])
    try:
        _written(context, gateway, share, identity)
    finally:
        access.admit(gateway.region, share.arn, "nfs", [])
    _refused(context, gateway, share, identity)
    untouched(context, gateway.region, share.bucket)
    return f"a file written through {share.name} came to bucket {share.bucket} and went again"


def untouched(context: Context, region: str, bucket: str) -> bool:
    """Tell whether a bucket holds nothing: no version, delete marker or unfinished upload. What a probe left goes."""
    found = [*s3.versions(context, region, bucket)]
    if any(one.key != FILE for one in found):
        return False
    for one in found:
        s3.delete(context, region, bucket, one)
    return not found or not any(s3.versions(context, region, bucket))


def _written(context: Context, gateway: GatewayTarget, share: ShareTarget, identity: Identity) -> None:
    data = secrets.token_hex(16).encode()
    try:
        with mounted(context.dialer, gateway.host, share.name, identity) as files:
            files.write(FILE, data)
            if files.read(FILE, len(data) + 1) != data:
                raise ProviderError(f"share {share.name} gives back another file than was written", code="conflict")
            _awaited(context, gateway, share, data)
            files.remove(FILE)
    except OSError as error:
        raise ProviderError(
            f"share {share.name} of {gateway.host} cannot be used: {error}", code="unreachable"
        ) from error
    _awaited(context, gateway, share, None)


def _awaited(context: Context, gateway: GatewayTarget, share: ShareTarget, wanted: bytes | None) -> None:
    """Wait until the bucket holds the file, or until it does not any more."""

    def look() -> bool | None:
        return True if s3.read(context, gateway.region, share.bucket, FILE) == wanted else None

    what = f"the {'arrival' if wanted is not None else 'end'} of the probe's file in bucket {share.bucket}"
    poll(context, look, what=what, every_s=_EVERY_S, limit_s=_LIMIT_S)


def _refused(context: Context, gateway: GatewayTarget, share: ShareTarget, identity: Identity) -> None:
    """Prove that a share without a cell lets nobody in."""
    try:
        with mounted(context.dialer, gateway.host, share.name, identity):
            pass
    except NfsError as error:
        if error.status in _SHUT:
            return
        raise ProviderError(
            f"share {share.name} of {gateway.host} does not say whom it lets in: {error}", code="unreachable"
        ) from error
    except OSError as error:
        raise ProviderError(
            f"share {share.name} of {gateway.host} cannot be reached: {error}", code="unreachable"
        ) from error
    raise ProviderError(f"share {share.name} lets in whom its client list does not name", code="conflict")


def _identity(context: Context, gateway: GatewayTarget, share: ShareTarget) -> Identity:
    """Return the owner that the share gives to what is in it: whoever is somebody else may not write there."""
    with translated(f"reading share {share.name}"):
        client = context.aws.storage_gateway(gateway.region)
        (found,) = client.describe_nfs_file_shares(FileShareARNList=[share.arn])["NFSFileShareInfoList"]
    defaults = found.get("NFSFileShareDefaults", {})
    return Identity(uid=int(defaults.get("OwnerId", 65534)), gid=int(defaults.get("GroupId", 65534)))
