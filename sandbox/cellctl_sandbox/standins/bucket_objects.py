"""What simulated buckets hold, version by version: a gateway writes it, S3's API shows it once it is uploaded."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from cellctl.state.values import Struct
from cellctl_sandbox.standins.cloud_view import CloudView
from cellctl_sandbox.standins.documents import Documents, Transaction

UPLOAD_S = 5.0
"""Simulated seconds until what a gateway took is in its bucket. Source: estimate, 2026-11."""

BUCKET = "aws:s3/bucket:Bucket"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version of an object, or the marker of its deletion. It is in the bucket from `at_s` on."""

    key: str
    id: str
    body: bytes
    marker: bool
    at_s: float


class BucketObjects:
    """The objects of all buckets of a sandbox. Buckets are versioned, as every bucket behind a share is."""

    def __init__(self, documents: Documents, view: CloudView) -> None:
        self._documents = documents
        self._view = view

    def files(self, bucket: str) -> dict[str, bytes]:
        """Return what the gateway in front of a bucket shows, uploaded or not."""
        latest = {version.key: version for version in self._all(bucket)}
        return {key: version.body for key, version in latest.items() if not version.marker}

    def put(self, bucket: str, key: str, body: bytes | None) -> None:
        """Write a file through the gateway, or delete it (None); S3 has it a moment later."""
        now = self._view.now()
        with self._documents.transaction() as transaction:
            found = list(_versions(transaction, bucket))
            last = next((one for one in reversed(found) if one.key == key), None)
            waits = last is not None and last.at_s > now and not last.marker
            number = 1 + max((int(one.id) for one in found), default=0)
            id_ = last.id if last is not None and waits and body is not None else f"{number:08d}"
            document: Struct = {
                "key": key, "id": id_, "at_s": now + UPLOAD_S, "marker": body is None,
                "body": base64.b64encode(body or b"").decode(),
            }  # fmt: skip
            transaction.put(bucket, id_, document)

    def waiting(self, bucket: str) -> int:
        """Return how many versions the gateway has not uploaded yet."""
        now = self._view.now()
        return sum(version.at_s > now for version in self._all(bucket))

    def versions(self, bucket: str) -> list[Version]:
        """Return the versions and markers that are in the bucket now, oldest first."""
        now = self._view.now()
        return [version for version in self._all(bucket) if version.at_s <= now]

    def remove(self, bucket: str, version: str) -> None:
        """Remove one version or marker for good."""
        with self._documents.transaction() as transaction:
            transaction.remove(bucket, version)

    def _all(self, bucket: str) -> list[Version]:
        """Return all versions since the bucket was made: one that was deleted and made again is empty."""
        made = next((item.born_s for item in self._view.objects(BUCKET) if item.id == bucket), float("inf"))
        with self._documents.transaction() as transaction:
            return [version for version in _versions(transaction, bucket) if version.at_s >= made]


def _versions(transaction: Transaction, bucket: str) -> Iterator[Version]:
    for document in transaction.all(bucket):
        at_s = document["at_s"]
        yield Version(
            key=str(document["key"]),
            id=str(document["id"]),
            body=base64.b64decode(str(document["body"])),
            marker=document["marker"] is True,
            at_s=at_s if isinstance(at_s, float) else 0.0,
        )
