"""S3, as far as it is asked here: the policies of buckets that exist as objects of the simulated cloud."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

from cellctl_sandbox.standins.cloud_view import CloudView
from cellctl_sandbox.standins.web import Request, Response

NAME = "s3"
BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"


class BucketPolicies:
    """Answers GetBucketPolicy, addressed by path. `refusal` says why whoever runs cellctl may not act on a bucket."""

    def __init__(self, view: CloudView, *, refusal: Callable[[str, str, str], str]) -> None:
        self._view = view
        self._refusal = refusal

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        name = request.path.strip("/")
        if not request.headers.get("authorization"):
            return failed(403, "AccessDenied", "Access Denied")
        if request.method != "GET" or "policy" not in request.query or "/" in name:
            return failed(501, "NotImplemented", "the sandbox serves GetBucketPolicy only")
        bucket = next((item for item in self._view.objects(BUCKET) if item.id == name), None)
        if bucket is None:
            return failed(404, "NoSuchBucket", "The specified bucket does not exist")
        why = self._refusal(bucket.cell, "s3:GetBucketPolicy", bucket.text("arn"))
        if why:
            return failed(403, "AccessDenied", why)
        found = next((item for item in self._view.objects(POLICY) if item.text("bucket") == name), None)
        if found is None:
            return failed(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
        return Response(body=found.text("policy").encode())


def failed(status: int, code: str, message: str) -> Response:
    """Return an error as S3 words it."""
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Response(status=status, body=body.encode(), content_type="application/xml")
