"""S3's own API, as far as it is asked here. Signed by botocore; its whole S3 client would cost 20 times as much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree.ElementTree import Element, fromstring

from cellctl.dialer import trust
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    import httpx

    from cellctl_provider.context import Context

_TIMEOUT_S = 10.0
_NO_POLICY = "NoSuchBucketPolicy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A version of an object, the marker of its deletion, or (`upload`) an upload that was never finished."""

    key: str
    id: str
    upload: bool = False


def policy(context: Context, region: str, bucket: str) -> str:
    """Return a bucket's policy as JSON, `` if it has none.

    Raises:
        ProviderError: It cannot be read: no such bucket, no right to it, no answer.
    """
    answer = _asked(context, region, "GET", f"{bucket}?policy=")
    if answer.status_code == 404 and _NO_POLICY in answer.text:
        return ""
    return _good(answer, f"the policy of bucket {bucket} cannot be read").text


def read(context: Context, region: str, bucket: str, key: str) -> bytes | None:
    """Return an object, None where the bucket has no such.

    Raises:
        ProviderError: As `policy`.
    """
    answer = _asked(context, region, "GET", f"{bucket}/{quote(key)}")
    if answer.status_code == 404 and "NoSuchKey" in answer.text:
        return None
    return _good(answer, f"an object of bucket {bucket} cannot be read").content


def versions(context: Context, region: str, bucket: str) -> Iterator[Version]:
    """Yield every version, delete marker and unfinished upload of a bucket.

    Raises:
        ProviderError: As `policy`.
    """
    yield from _listed(context, region, bucket, "versions", ("key-marker", "version-id-marker"))
    yield from _listed(context, region, bucket, "uploads", ("key-marker", "upload-id-marker"))


def delete(context: Context, region: str, bucket: str, version: Version) -> None:
    """Delete one version or unfinished upload for good; deleting what is gone succeeds.

    Raises:
        ProviderError: As `policy`.
    """
    query = f"{'uploadId' if version.upload else 'versionId'}={quote(version.id, safe='')}"
    answer = _asked(context, region, "DELETE", f"{bucket}/{quote(version.key)}?{query}")
    _good(answer, f"an object of bucket {bucket} cannot be deleted")


def _listed(context: Context, region: str, bucket: str, what: str, markers: tuple[str, str]) -> Iterator[Version]:
    """Yield the versions or uploads of a bucket, page by page; ids and markers are named alike in both."""
    after = ""
    while True:
        answer = _asked(context, region, "GET", f"{bucket}?{after}{what}=")
        listed = _good(answer, f"bucket {bucket} cannot be listed").content
        page = fromstring(listed)  # noqa: S314  what S3 itself answers
        for row in page:
            if _local(row) in ("Version", "DeleteMarker", "Upload"):
                upload = _local(row) == "Upload"
                yield Version(
                    key=_text(row, "Key"), id=_text(row, "UploadId" if upload else "VersionId"), upload=upload
                )
        if _text(page, "IsTruncated") != "true":
            return
        named = zip(markers, ("NextKeyMarker", _NEXT[what]), strict=True)
        after = "".join(f"{name}={quote(_text(page, found), safe='')}&" for name, found in named)


_NEXT = {"versions": "NextVersionIdMarker", "uploads": "NextUploadIdMarker"}


def _local(row: Element) -> str:
    return row.tag.rpartition("}")[2]


def _text(row: Element, name: str) -> str:
    return next((child.text or "" for child in row if _local(child) == name), "")


def _asked(context: Context, region: str, method: str, path: str) -> httpx.Response:
    import httpx
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    route = context.dialer.route(f"service:s3:{region}", 443)
    url = f"{route.url or f'https://s3.{region}.amazonaws.com'}/{path}"
    request = AWSRequest(method, url)
    credentials = context.credentials.aws(region).get_credentials()
    if credentials is None:
        raise ProviderError("there are no AWS credentials", code="auth")
    S3SigV4Auth(credentials.get_frozen_credentials(), "s3", region).add_auth(request)
    headers, verify = dict(request.headers.items()), trust(route.trust_anchor)
    try:
        return httpx.request(method, url, headers=headers, timeout=_TIMEOUT_S, trust_env=False, verify=verify)
    except httpx.HTTPError as error:
        raise ProviderError(f"S3 in {region} does not answer: {error}", code="unreachable") from error


def _good(answer: httpx.Response, otherwise: str) -> httpx.Response:
    if answer.is_success:
        return answer
    gone = answer.status_code == 404
    raise ProviderError(f"{otherwise}: HTTP {answer.status_code}", code="not_found" if gone else "auth")
