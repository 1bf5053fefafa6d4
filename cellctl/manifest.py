"""A fleet approval: one signed file that approves the saved plans of many cells, each by its digest, until a time.

manifest = approve([approval, …], open_signer("approver.pem", {}), expires_at=time.time() + 86400)
require(manifest, approval, signers=["ed25519:…"], now=time.time())      # raises unless it is approved
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cellctl.approval import Approval, digest, saving
from cellctl.errors import GuardError, Objection, StaleApproval, UsageError
from cellctl.signing import Signer, key_text, verified
from cellctl.state.values import Struct, Value

FORMAT_VERSION = "1"
LARGEST_BYTES = 4_000_000
_CONTEXT = b"cellctl approval 1\n"  # what is signed here is no signature of anything else
AGAIN = "cellctl approve PLAN… --key KEY --out approval.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One cell's plan, by `cellctl.approval.digest`."""

    cell: str
    cloud: str
    account: str
    plan: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What somebody approved. Times are whole unix seconds; `key` is the signer's public key as text."""

    id: str
    signed_at: int
    expires_at: int
    lines: tuple[Line, ...]
    key: str
    signature: bytes = b""


def approve(approvals: Sequence[Approval], signer: Signer, *, expires_at: float) -> Manifest:
    """Return the approval of saved plans, signed.

    Raises:
        UsageError: A cell is there twice, or a plan will have ended by itself (code `bad_plan`).
    """
    lines = tuple(_line(approval) for approval in approvals)
    cells = [(line.cell, line.account) for line in lines]
    now = time.time()
    for approval, cell in zip(approvals, cells, strict=True):
        if cells.count(cell) > 1:
            raise UsageError(f"there are two plans of '{cell[0]}'", hint="approve one of them", code="bad_plan")
        if approval.expires_at <= now:
            raise UsageError(
                f"the plan of '{cell[0]}' may not be applied any more",
                hint=saving(approval.plan),
                code="bad_plan",
            )
    draft = Manifest(
        id=secrets.token_hex(16),
        signed_at=int(now),
        expires_at=int(expires_at),
        lines=tuple(sorted(lines, key=lambda line: (line.cell, line.account))),
        key=key_text(signer.public_key),
    )
    return replace(draft, signature=signer.sign(_message(draft)))


def require(manifest: Manifest, approval: Approval, *, signers: Collection[str], now: float) -> None:
    """Return if one of `signers` approved this very plan and the approval has not ended.

    Raises:
        GuardError: The file was altered (code `approval_altered`), or nobody who may approve signed it
            (`approval_signer`).
        StaleApproval: It has ended (`approval_expired`), or is about other cells or another plan of this one
            (`approval_elsewhere`).
    """
    if not verified(manifest.key, manifest.signature, _message(manifest)):
        raise _refused("approval_altered", "the approval was altered after it was signed", AGAIN)
    if manifest.key not in signers:
        may = "nobody is named there" if not signers else "that key is not there"
        remedy = "let somebody approve whose key is under approval.signers in cellctl.yaml"
        raise _refused("approval_signer", f"the approval is signed by {manifest.key}, and {may} as a signer", remedy)
    if now >= manifest.expires_at:
        raise StaleApproval("the approval has ended", hint=AGAIN, code="approval_expired")
    wanted = _line(approval)
    if wanted not in manifest.lines:
        here = [line for line in manifest.lines if replace(line, plan="") == replace(wanted, plan="")]
        what = f"another plan of '{wanted.cell}'" if here else f"{len(manifest.lines)} cells, not of '{wanted.cell}'"
        raise StaleApproval(f"the approval is of {what}", hint=AGAIN, code="approval_elsewhere")


def manifest_json(manifest: Manifest) -> Struct:
    """Return what the file holds."""
    return {**_signed(manifest), "signature": base64.b64encode(manifest.signature).decode()}


def manifest_of(text: str) -> Manifest:
    """Return the approval in a file's text; whether it is good is for `require` to say.

    Raises:
        UsageError: It is none (code `bad_approval`).
    """
    try:
        document = json.loads(text)
        return _manifest(document)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise UsageError(
            "the file is no approval of this version of cellctl", hint=AGAIN, code="bad_approval"
        ) from None


def _manifest(document: Mapping[str, Value]) -> Manifest:
    if document["format_version"] != FORMAT_VERSION or document["kind"] != "Approval":
        raise ValueError("another format")
    rows = document["approves"]
    if not isinstance(rows, list):
        raise TypeError("no list")
    return Manifest(
        id=str(document["id"]),
        signed_at=int(str(document["signed_at"])),
        expires_at=int(str(document["expires_at"])),
        lines=tuple(_line_of(row) for row in rows),
        key=str(document["key"]),
        signature=base64.b64decode(str(document["signature"]), validate=True),
    )


def _line_of(row: Value) -> Line:
    if not isinstance(row, dict):
        raise TypeError("no table")
    return Line(cell=str(row["cell"]), cloud=str(row["cloud"]), account=str(row["account"]), plan=str(row["plan"]))


def _line(approval: Approval) -> Line:
    plan = approval.plan
    return Line(cell=plan.cell, cloud=plan.cloud, account=plan.account, plan=digest(approval))


def _signed(manifest: Manifest) -> Struct:
    """Return everything that the signature is over."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "Approval",
        "id": manifest.id,
        "signed_at": manifest.signed_at,
        "expires_at": manifest.expires_at,
        "approves": [
            {"cell": line.cell, "cloud": line.cloud, "account": line.account, "plan": line.plan}
            for line in manifest.lines
        ],
        "key": manifest.key,
    }


def _message(manifest: Manifest) -> bytes:
    """Return what is signed: short however many cells there are, because services sign 4096 bytes at most."""
    text = json.dumps(_signed(manifest), sort_keys=True, separators=(",", ":"))
    return _CONTEXT + hashlib.sha256(text.encode()).hexdigest().encode()


def _refused(code: str, reason: str, remedy: str) -> GuardError:
    return GuardError([Objection(code=code, reason=reason, remedy=remedy)])
