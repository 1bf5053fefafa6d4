"""The buckets behind the file shares: one writer, and TLS of today, or the files are somebody else's too.

A file gateway's view of a bucket is wrong once anybody else writes there (reference octopus.md 2.6, pitfall P4).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from cellctl.errors import CellctlError
from cellctl.verify.checks import Check, CheckResult, SecretReader
from cellctl.verify.outputs import BucketTarget

Statement = Mapping[str, object]
_WRITES = ("s3:PutObject",)
_DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion")
_TLS = "1.2"


def bucket_check(bucket: BucketTarget, reader: SecretReader) -> Check:
    """Return the check that a bucket's policy lets nobody in who must not be."""

    def look() -> CheckResult:
        try:
            policy = reader.bucket_policy(bucket.name, bucket.region)
        except CellctlError as error:
            return _bad(bucket, error.summary, "may this machine's role read the policy?", "verify_bucket_unreadable")
        ways = list(open_ways(policy, bucket))
        if not ways:
            message = f"bucket {bucket.name} admits its {bucket.whose} only"
            return CheckResult(kind="bucket", target=bucket.name, passed=True, message=message)
        message = f"bucket {bucket.name} admits {' and '.join(ways)}"
        return _bad(bucket, message, "`cellctl up --refresh all` puts its policy back", "verify_bucket_open")

    return look


def open_ways(policy: str, bucket: BucketTarget) -> Iterator[str]:
    """Yield what a bucket's policy (JSON, `` without one) denies to nobody and must."""
    denials = [item for item in _statements(policy) if item.get("Effect") == "Deny" and _everybody(item)]
    arn = f"arn:aws:s3:::{bucket.name}"
    both, inside = {arn, f"{arn}/*"}, {f"{arn}/*"}
    if not any(_on(item, both, ("s3:*",)) and _when(item) == {"Bool": _PLAIN} for item in denials):
        yield "plain HTTP"
    if not any(_on(item, both, ("s3:*",)) and _old_tls(item) for item in denials):
        yield f"TLS before {_TLS}"
    if not any(_on(item, inside, _WRITES) and _but(item) == [bucket.writer] for item in denials):
        yield f"writers other than its {bucket.whose}"
    # Besides the writer there is cellctl's own role, which empties what is nobody's.
    if not any(_on(item, inside, _DELETES) and _few(_but(item), bucket.writer) for item in denials):
        yield f"deletes by others than its {bucket.whose}"


_EXCLUDING = ("StringNotEquals", "ArnNotEquals")
_MOST_REMOVERS = 2
_PLAIN = {"aws:SecureTransport": "false"}


def _statements(policy: str) -> Sequence[Statement]:
    try:
        document = json.loads(policy or "{}")
    except ValueError:
        return ()
    listed = document.get("Statement", []) if isinstance(document, dict) else []
    return [item for item in (listed if isinstance(listed, list) else [listed]) if isinstance(item, dict)]


def _everybody(item: Statement) -> bool:
    return item.get("Principal") in ("*", {"AWS": "*"})


def _on(item: Statement, resources: set[str], actions: Sequence[str]) -> bool:
    """Tell whether a statement is about all these resources and actions."""
    named, done = set(_listed(item.get("Resource"))), set(_listed(item.get("Action")))
    return (resources <= named or "*" in named) and (set(actions) <= done or bool({"*", "s3:*"} & done))


def _when(item: Statement) -> Mapping[str, Mapping[str, str]]:
    """Return a condition, with values that are one as text."""
    condition = item.get("Condition")
    if not isinstance(condition, dict):
        return {}
    return {
        str(operator): {str(key): ",".join(_listed(value)) for key, value in keys.items()}
        for operator, keys in condition.items()
        if isinstance(keys, dict)
    }


def _but(item: Statement) -> list[str]:
    """Return the roles that a denial is not for; none where it depends on anything else."""
    ((operator, keys), *more) = _when(item).items() or [("", {})]
    known = operator in _EXCLUDING and not more and list(keys) == ["aws:PrincipalArn"]
    return keys["aws:PrincipalArn"].split(",") if known else []


def _few(roles: Sequence[str], writer: str) -> bool:
    return writer in roles and len(roles) <= _MOST_REMOVERS and not any("*" in role for role in roles)


def _old_tls(item: Statement) -> bool:
    keys = _when(item).get("NumericLessThan", {})
    return len(_when(item)) == 1 and list(keys) == ["s3:TlsVersion"] and keys["s3:TlsVersion"] >= _TLS


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _bad(bucket: BucketTarget, message: str, hint: str, code: str) -> CheckResult:
    return CheckResult(kind="bucket", target=bucket.name, passed=False, message=message, hint=hint, code=code)
