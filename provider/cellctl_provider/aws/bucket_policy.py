"""A bucket's policy, read through S3's own API. Signed by botocore; its whole S3 client would cost 20 times as much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.dialer import trust
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl_provider.context import Context

_TIMEOUT_S = 10.0
_NONE = "NoSuchBucketPolicy"


def read(context: Context, region: str, bucket: str) -> str:
    """Return a bucket's policy as JSON, `` if it has none.

    Raises:
        ProviderError: It cannot be read: no such bucket, no right to it, no answer.
    """
    import httpx
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    route = context.dialer.route(f"service:s3:{region}", 443)
    endpoint = route.url or f"https://s3.{region}.amazonaws.com"
    url = f"{endpoint}/{bucket}?policy="
    request = AWSRequest("GET", url)
    credentials = context.credentials.aws(region).get_credentials()
    if credentials is None:
        raise ProviderError("there are no AWS credentials", code="auth")
    S3SigV4Auth(credentials.get_frozen_credentials(), "s3", region).add_auth(request)
    headers, verify = dict(request.headers.items()), trust(route.trust_anchor)
    try:
        answer = httpx.get(url, headers=headers, timeout=_TIMEOUT_S, trust_env=False, verify=verify)
    except httpx.HTTPError as error:
        raise ProviderError(f"S3 in {region} does not answer: {error}", code="unreachable") from error
    if answer.status_code == httpx.codes.OK:
        return answer.text
    if answer.status_code == httpx.codes.NOT_FOUND and _NONE in answer.text:
        return ""
    gone = answer.status_code == httpx.codes.NOT_FOUND
    raise ProviderError(
        f"the policy of bucket {bucket} cannot be read: HTTP {answer.status_code}", code="not_found" if gone else "auth"
    )
