"""Small objects in a bucket of S3, written only over what was read (conditional writes, S3 user guide, 2024-11)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from cellctl.errors import EngineError
from cellctl.state.objects import Stored
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from boto3 import Session

FOLDER = ".cellctl/leases"
_LOST = ("PreconditionFailed", "ConditionalRequestConflict")
_ABSENT = ("NoSuchKey", "404")


def open_objects(
    url: str, *, account: str, role: str, tenant: str = "", environment: Mapping[str, str] | None = None
) -> BucketObjects:
    """Open the store beside the states of a URL such as `s3://bucket/path?region=eu-west-1`, as a role.

    `tenant` and `environment` are of other clouds: boto3 finds this machine's identity itself.

    Raises:
        EngineError: The role cannot be taken on (code `leases_unreachable`).
    """
    del tenant, environment
    parts = urlsplit(url)
    region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
    credentials = FederatedCredentials({"cellctl:config:awsRole": role, "cellctl:config:awsAccount": account})
    try:
        session = credentials.aws(region)
    except ProviderError as error:
        raise _unreachable(parts.netloc, error.message) from None
    except Exception as error:  # what botocore raises has no common base
        raise _unreachable(parts.netloc, _why(error)) from None
    return BucketObjects(session, parts.netloc, f"{parts.path.strip('/')}/{FOLDER}".strip("/"))


class BucketObjects:
    """Satisfies `cellctl.state.objects.Objects`: objects below `folder` of a bucket."""

    def __init__(self, session: Session, bucket: str, folder: str) -> None:
        self._client, self._bucket, self._folder = session.client("s3"), bucket, folder

    def read(self, name: str) -> Stored:
        """Return an object, with the time of the answer."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=f"{self._folder}/{name}")
            return Stored(data=found["Body"].read(), tag=str(found["ETag"]), now=_time(found))
        except Exception as error:  # what botocore raises has no common base
            if _code(error) in _ABSENT:
                return Stored(data=b"", tag="", now=_time(getattr(error, "response", {})))
            raise _unreachable(self._bucket, _why(error)) from None

    def write(self, name: str, data: bytes, *, over: str) -> bool:
        """Write an object over the one that was read."""
        key = f"{self._folder}/{name}"
        condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=data, ContentType="application/json", **condition
            )
        except Exception as error:  # what botocore raises has no common base
            if _code(error) in _LOST:
                return False
            raise _unreachable(self._bucket, _why(error)) from None
        return True


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    found = response.get("Error", {}) if isinstance(response, dict) else {}
    return str(found.get("Code", ""))


def _time(answer: Mapping[str, object]) -> float:
    """Return the store's time in unix seconds, to a second; this machine's where it does not say."""
    told = answer.get("ResponseMetadata")
    headers = told.get("HTTPHeaders", {}) if isinstance(told, dict) else {}
    date = headers.get("date")
    return parsedate_to_datetime(date).timestamp() if isinstance(date, str) else time.time()


def _why(error: Exception) -> str:
    return _code(error) or type(error).__name__


def _unreachable(bucket: str, why: str) -> EngineError:
    return EngineError(
        f"the leases in bucket {bucket} cannot be asked: {why}",
        hint="cellctl doctor --account NAME; nothing is changed without a lease",
        code="leases_unreachable",
    )
