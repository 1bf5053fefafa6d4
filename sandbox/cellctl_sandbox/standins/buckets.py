"""S3, as far as cellctl asks it: policies of buckets, and what is in them. Addressed by path."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote
from xml.sax.saxutils import escape

from cellctl_sandbox.standins.bucket_objects import BUCKET, BucketObjects, Version
from cellctl_sandbox.standins.bucket_policies import BucketPolicies, failed
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.web import Request, Response

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Buckets:
    """Answers GetBucketPolicy, GetObject, ListObjectVersions, ListMultipartUploads and DeleteObject of a version.

    `refusal` says why whoever runs cellctl may not act on something, `` if they may.
    """

    def __init__(self, view: CloudView, objects: BucketObjects, *, refusal: Callable[[str, str, str], str]) -> None:
        self._view = view
        self._objects = objects
        self._refusal = refusal
        self._policies = BucketPolicies(view, refusal=refusal)

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        if "policy" in request.query:
            return self._policies.answer(request)
        name, _, key = unquote(request.path).lstrip("/").partition("/")
        bucket = next((item for item in self._view.objects(BUCKET) if item.id == name), None)
        if not request.headers.get("authorization"):
            return failed(403, "AccessDenied", "Access Denied")
        if bucket is None:
            return failed(404, "NoSuchBucket", "The specified bucket does not exist")
        if key:
            return self._object(request, bucket, key)
        if request.method == "GET" and "versions" in request.query:
            return self._allowed(bucket, "s3:ListBucketVersions", "") or self._versions(bucket)
        if request.method == "GET" and "uploads" in request.query:
            listed = Response(
                body=f"<ListMultipartUploadsResult {_NAMESPACE}/>".encode(), content_type="application/xml"
            )
            return self._allowed(bucket, "s3:ListBucketMultipartUploads", "") or listed
        return failed(501, "NotImplemented", "the sandbox does not serve this operation of S3")

    def _object(self, request: Request, bucket: CloudObject, key: str) -> Response:
        version = request.query.get("versionId", "")
        if request.method == "GET" and not version:
            return self._allowed(bucket, "s3:GetObject", key) or self._read(bucket, key)
        if request.method == "DELETE" and version:
            refused = self._allowed(bucket, "s3:DeleteObjectVersion", key)
            if refused is None:
                self._objects.remove(bucket.id, version)
            return refused or Response(status=204)
        return failed(501, "NotImplemented", "the sandbox reads objects and deletes versions only")

    def _read(self, bucket: CloudObject, key: str) -> Response:
        found = [version for version in self._objects.versions(bucket.id) if version.key == key]
        if not found or found[-1].marker:
            return failed(404, "NoSuchKey", "The specified key does not exist.")
        return Response(body=found[-1].body, content_type="application/octet-stream")

    def _versions(self, bucket: CloudObject) -> Response:
        found = self._objects.versions(bucket.id)
        latest = {version.key: version.id for version in found}
        rows = "".join(_row(version, latest[version.key] == version.id) for version in reversed(found))
        body = f"<ListVersionsResult {_NAMESPACE}><IsTruncated>false</IsTruncated>{rows}</ListVersionsResult>"
        return Response(body=body.encode(), content_type="application/xml")

    def _allowed(self, bucket: CloudObject, action: str, key: str) -> Response | None:
        """Return the refusal of an action, None if it is allowed."""
        arn = bucket.text("arn") + (f"/{key}" if key else "")
        why = self._refusal(bucket.cell, action, arn)
        return failed(403, "AccessDenied", why) if why else None


def _row(version: Version, latest: bool) -> str:
    kind = "DeleteMarker" if version.marker else "Version"
    size = "" if version.marker else f"<Size>{len(version.body)}</Size>"
    return (
        f"<{kind}><Key>{escape(version.key)}</Key><VersionId>{version.id}</VersionId>"
        f"<IsLatest>{str(latest).lower()}</IsLatest>{size}</{kind}>"
    )
