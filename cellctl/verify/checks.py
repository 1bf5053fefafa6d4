"""The checks that follow an `up`: every node, the ways in, the database, the buckets, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

from cellctl.dialer import Dialer
from cellctl.verify.outputs import (
    DatabaseTarget,
    NodeTarget,
    backups_of,
    buckets_of,
    database_of,
    entries_of,
    hosts_of,
    nodes_of,
    shared_buckets_of,
)

CheckKind = Literal["node", "web", "polling", "queue", "closed", "database", "bucket"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """What one check found.

    `message` is one sentence without secrets, good or bad; `hint` says what to do if it failed; `code` is stable and
    starts with `verify_` (`verify_node_draining`, `verify_node_unreachable`, …), empty for a check that passed.
    """

    kind: CheckKind
    target: str
    passed: bool
    message: str
    hint: str = ""
    code: str = ""
    attempts: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a check is repeated before it has failed: `limit_s` seconds, every `every_s` seconds."""

    limit_s: float = 1800.0
    every_s: float = 15.0


class SecretReader(Protocol):
    """Reads secret values and tokens at the moment of use; what it returns is never kept."""

    def read(self, reference: str) -> str:
        """Return the value of a secret: an ARN of Secrets Manager, or the URI of a Key Vault secret.

        Raises CellctlError (code `secret_unreadable`) with the reference, never with a value.
        """

    def database_token(self, identity: str) -> str:
        """Return an access token with which `identity` signs in to Azure SQL, `` for cellctl's own."""

    def bucket_policy(self, bucket: str, region: str) -> str:
        """Return the policy of a bucket as JSON, `` if it has none; raises CellctlError (code `policy_unreadable`)."""


class Check(Protocol):
    """One thing to find out, asked again until it passes or patience ends. Never raises."""

    def __call__(self) -> CheckResult:
        """Look once."""


def run(
    outputs: Mapping[str, object],
    dialer: Dialer,
    *,
    secrets: SecretReader | None = None,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[CheckResult, ...]:
    """Check every node, the ways in, databases and buckets of a cell or reef; failures are results, not exceptions.

    `sleep` waits between attempts (simulated in the sandbox) and may raise to end the checks early. Without `secrets`
    the database is checked only as far as it answers without signing in, and buckets are not.
    """
    from cellctl.verify.buckets import bucket_check
    from cellctl.verify.database import database_check
    from cellctl.verify.entries import closed_check, polling_check, redirect_check, web_check
    from cellctl.verify.nodes import node_check, queue_check

    nodes = nodes_of(outputs)
    checks: list[Check] = [node_check(node, dialer) for node in nodes]
    checks.extend(queue_check(node, dialer) for node in nodes if node.queue)
    checks.extend(web_check(entry, dialer) for entry in entries_of(outputs, "web"))
    checks.extend(redirect_check(entry, dialer) for entry in entries_of(outputs, "redirect"))
    checks.extend(polling_check(entry, dialer) for entry in entries_of(outputs, "polling"))
    checks.extend(polling_check(entry, dialer, who="gRPC clients") for entry in entries_of(outputs, "grpc"))
    checks.extend(closed_check(entry, dialer) for entry in entries_of(outputs, "closed"))
    database = database_of(outputs)
    databases = [*([] if database is None else [database]), *hosts_of(outputs)]
    checks.extend(database_check(one, dialer, secrets) for one in databases)
    if secrets is not None:
        buckets = (*buckets_of(outputs), *shared_buckets_of(outputs), *backups_of(outputs))
        checks.extend(bucket_check(bucket, secrets) for bucket in buckets)
    return _repeated(checks, patience or Patience(), sleep)


def _repeated(checks: Sequence[Check], patience: Patience, sleep: Callable[[float], None]) -> tuple[CheckResult, ...]:
    """Run all checks side by side, those that fail again and again, waiting once for all of them in between."""
    results: dict[int, CheckResult] = {}
    waited = 0.0
    attempt = 0
    with ThreadPoolExecutor(max_workers=max(1, min(8, len(checks)))) as pool:
        while True:
            attempt += 1
            pending = [index for index in range(len(checks)) if index not in results or not results[index].passed]
            found = pool.map(lambda index: checks[index](), pending)
            for index, result in zip(pending, found, strict=True):
                results[index] = _numbered(result, attempt)
            if all(result.passed for result in results.values()) or waited >= patience.limit_s:
                return tuple(results[index] for index in range(len(checks)))
            sleep(patience.every_s)
            waited += patience.every_s


def _numbered(result: CheckResult, attempt: int) -> CheckResult:
    return CheckResult(
        kind=result.kind,
        target=result.target,
        passed=result.passed,
        message=result.message,
        hint=result.hint,
        code=result.code,
        attempts=attempt,
    )


__all__ = ["Check", "CheckResult", "DatabaseTarget", "NodeTarget", "Patience", "SecretReader", "run"]
