"""What a failure is: stable codes for the messages of engines and clouds, and what a person can do about each.

The codes decide what a fleet halts (DESIGN section 9), so they are part of the contract; the wording of clouds is not.
Source of the patterns: error codes in the AWS and Azure API references, and messages seen (reference/engine.md 6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cellctl.plan import Failure


@dataclass(frozen=True, slots=True)
class _Class:
    code: str
    pattern: re.Pattern[str]
    hint: str


def _class(code: str, pattern: str, hint: str) -> _Class:
    return _Class(code, re.compile(pattern, re.IGNORECASE), hint)


_NEIGHBOUR = "ReferencedResourceNotProvisioned|RetryableError|AnotherOperationInProgress"
"""What a cloud says that is busy with something near: the same call works in a moment."""
_CLASSES = (
    _class(
        "state_unsaved",
        r"state could not be saved",
        "make room, or mend the disk that holds the home; then run the same command: the last good state is in place",
    ),
    _class(
        "protected", r"marked for protection|because it is protected", "name it with --allow-replace, or see `down`"
    ),
    _class("cancelled", r"update canceled|operation was cancell?ed|context canceled", "run the same command again"),
    _class(
        "quota",
        r"quota|limit\s?exceeded|\blimit (was |has been )?(reached|exceeded)|maximum number of|"
        r"TooMany(?!Requests)\w+|InstanceQuotaExceeded",
        "ask for a higher quota in this account and region, or remove what is not used; then run the same command",
    ),
    _class(
        "throttle",
        r"throttl|rate exceeded|TooManyRequests|RequestLimitExceeded|SlowDown|\b429\b",
        "the cloud asks for slower calls; run the same command again in a minute",
    ),
    _class(
        "auth",
        r"access\s?denied|unauthori[sz]ed|not authorized|AuthorizationFailed|forbidden|expired\s?token|"
        r"InvalidClientTokenId|SignatureDoesNotMatch|no valid credential|AADSTS\d+|\b40[13]\b",
        "check what the role of this account in cellctl.yaml may do; then run the same command again",
    ),
    _class(
        "capacity",
        r"insufficient\s?\w*\s?capacity|SkuNotAvailable|AllocationFailed|ZonalAllocationFailed|"
        r"OverconstrainedAllocation|not available in (zone|location|region)|no capacity",
        "the cloud has no room for this size here now: try again later, another size or another zone",
    ),
    _class(
        "conflict",
        rf"(another|an) operation is (still )?in progress|OperationInProgress|{_NEIGHBOUR}",
        "the cloud is still busy with it: run the same command again in a minute",
    ),
    _class(
        "conflict",
        r"already exists|AlreadyExists|conflict|BucketAlreadyOwnedByYou|in use by|DependencyViolation|"
        r"is not in (the )?\w+ state|InvalidDBInstanceState",
        "something of that name or in that state is there already; `cellctl refresh` shows what the cloud has",
    ),
    _class(
        "answer_lost",
        r"connection (was |has been )?(lost|reset|closed|aborted)|unexpected EOF",
        "the cloud may have done it all the same: run the same command again, it looks first and adopts what is there",
    ),
    _class(
        "unreachable",
        r"unreachable|timed? ?out|connection refused|no such host|name or service not known|network is down",
        "the endpoint does not answer from here: check that this machine may reach it, then run the same command",
    ),
    _class(
        "provider_crashed",
        r"plugin .*(exited|crashed)|transport is closing|error reading from server: EOF|"
        r"provider\b.*\b(crashed|died|ended)",
        "run the same command again: what the provider had begun is looked up first",
    ),
    _class(
        "no_plugin",
        r"no resource plugin|not an allowed package|plugin .* not found",
        "cellctl doctor --account NAME --install puts a real account's plugins into this home",
    ),
    _class("locked", r"stack is currently locked", "wait for the other run, or see `cellctl status`"),
    _class("passphrase", r"incorrect passphrase|passphrase must be set", "the key file in .cellctl/pulumi is not its"),
    _class(
        "not_found", r"not found|NoSuch\w+|does not exist|ResourceNotFound|\b404\b", "`cellctl refresh` shows what is"
    ),
    _class(
        "invalid",
        r"invalid|validation|missing required|unknown (argument|property|field)|unsupported|not supported|must be|"
        r"BadRequest|\b400\b",
        "the cloud refuses these arguments; change the cell file and run the same command",
    ),
)
_PROGRAM = re.compile(r"(an unhandled error occurred: )?python inline source runtime error:?\s*")
_BUSY = re.compile(_NEIGHBOUR, re.IGNORECASE)
_PREFIX = re.compile(r"^(error|warning|Preview failed|preview failed): ")
NOISE = re.compile(
    r"^(update|preview|refresh|destroy|delete) (failed|canceled)$|^resource monitor shut down|"
    r"^Attempting to deploy or update resources with \d+ pending operations",  # repaired before the engine began
    re.IGNORECASE,
)


def classify(message: str, urn: str = "") -> Failure:
    """Return a message of engine, provider or program as a Failure; the message is already redacted.

    Unknown messages get the code `provider` where a resource failed, else `engine`.
    """
    if _PROGRAM.search(message):
        return Failure(
            code="program", message=_raised(message), hint="this is a fault of the program: see the run's log"
        )
    text = tidy(message)
    for entry in _CLASSES:
        if entry.pattern.search(text):
            return Failure(code=entry.code, message=text, hint=entry.hint, urn=urn)
    hint = "run the same command again; if it fails again, read the run's log: `cellctl status` names the run"
    return Failure(code="provider" if urn else "engine", message=text, hint=hint, urn=urn)


def is_busy(message: str) -> bool:
    """Tell whether a cloud says that it is busy with something near, so that the same call works in a moment."""
    return _BUSY.search(message) is not None


def tidy(message: str) -> str:
    """Return a message without prefix, surrounding space and traceback."""
    text = _PREFIX.sub("", message.strip())
    head, traceback, _ = text.partition("Traceback (most recent call last)")
    return (head.strip() or "failed") if traceback else text


def _raised(message: str) -> str:
    """Return the exception's own sentence of a program that raised, without its traceback."""
    text = _PROGRAM.sub("", _PREFIX.sub("", message.strip()))
    head, found, trace = text.partition("Traceback (most recent call last)")
    if not found:
        head = "\n".join(line for line in text.splitlines() if not line.startswith((" ", "\t")))
    lines = [line for line in trace.strip().splitlines() if line and not line.startswith(" ")]
    return head.strip().removesuffix(":") or (lines[-1] if lines else "the program raised an exception")
