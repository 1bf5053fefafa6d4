"""A share is tried as a node uses it: mounted, written, read; and the file must come to the bucket and go again.

The share admits nobody before and after, and cellctl's own range in between, or in a domain the user who joined it. No
cell may have it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cellctl_provider import nfs, smb
from cellctl_provider.aws import s3
from cellctl_provider.aws.clients import translated
from cellctl_provider.aws.share_access import ShareAccessHandler
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl.gates import GatewayTarget, ShareTarget
    from cellctl_provider.context import Context
    from cellctl_provider.smb import Account


class _Files(Protocol):
    """A mounted share."""

    def write(self, name: str, data: bytes) -> None: ...

    def read(self, name: str, limit: int) -> bytes: ...

    def remove(self, name: str) -> None: ...


_Mount: TypeAlias = Callable[[], AbstractContextManager[_Files]]

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
    access, user = ShareAccessHandler(context), _user(context, gateway)
    users = [user.username] if user else None

    def admit(clients: list[str]) -> None:
        access.admit(gateway.region, share.arn, gateway.protocol, clients, users if clients else [])

    admit([])
    mount = _as_user(context, gateway, share, user) if user else _as_owner(context, gateway, share)
    _refused(gateway, share, mount)
    admit([gateway.control])
    try:
        _written(context, gateway, share, mount)
    finally:
        admit([])
    _refused(gateway, share, mount)
    untouched(context, gateway.region, share.bucket)
    return f"a file written through {share.name} came to bucket {share.bucket} and went again"


def _user(context: Context, gateway: GatewayTarget) -> Account | None:
    """Return the domain's user as whom an SMB share is tried, None for NFS."""
    if gateway.protocol == "nfs":
        return None
    if not gateway.account:
        raise ProviderError(f"gateway {gateway.name} is in no domain, and its guest proves nothing", code="invalid")
    stored = context.secrets.get(gateway.account)
    return smb.account_of(stored.value if stored else "", gateway.account)


def _as_user(context: Context, gateway: GatewayTarget, share: ShareTarget, user: Account) -> _Mount:
    return lambda: smb.mounted(context.dialer, gateway.host, share.name, user)


def _as_owner(context: Context, gateway: GatewayTarget, share: ShareTarget) -> _Mount:
    identity = _identity(context, gateway, share)
    return lambda: nfs.mounted(context.dialer, gateway.host, share.name, identity)


def untouched(context: Context, region: str, bucket: str) -> bool:
    """Tell whether a bucket holds nothing: no version, delete marker or unfinished upload. What a probe left goes."""
    found = [*s3.versions(context, region, bucket)]
    if any(one.key != FILE for one in found):
        return False
    for one in found:
        s3.delete(context, region, bucket, one)
    return not found or not any(s3.versions(context, region, bucket))


def _written(context: Context, gateway: GatewayTarget, share: ShareTarget, mount: _Mount) -> None:
    data = secrets.token_hex(16).encode()
    try:
        with mount() as files:
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


def _refused(gateway: GatewayTarget, share: ShareTarget, mount: _Mount) -> None:
    """Prove that a share without a cell lets nobody in."""
    try:
        with mount():
            pass
    except (nfs.NfsError, smb.SmbError) as error:
        if error.shut if isinstance(error, smb.SmbError) else error.status in _SHUT:
            return
        raise ProviderError(
            f"share {share.name} of {gateway.host} does not say whom it lets in: {error}", code="unreachable"
        ) from error
    except OSError as error:
        raise ProviderError(
            f"share {share.name} of {gateway.host} cannot be reached: {error}", code="unreachable"
        ) from error
    raise ProviderError(f"share {share.name} lets in whom its client list does not name", code="conflict")


def _identity(context: Context, gateway: GatewayTarget, share: ShareTarget) -> nfs.Identity:
    """Return the owner that the share gives to what is in it: whoever is somebody else may not write there."""
    with translated(f"reading share {share.name}"):
        client = context.aws.storage_gateway(gateway.region)
        (found,) = client.describe_nfs_file_shares(FileShareARNList=[share.arn])["NFSFileShareInfoList"]
    defaults = found.get("NFSFileShareDefaults", {})
    return nfs.Identity(uid=int(defaults.get("OwnerId", 65534)), gid=int(defaults.get("GroupId", 65534)))
