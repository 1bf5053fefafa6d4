"""`cellctl approve`: sign the saved plans of many cells, in one file."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption

PlansArgument = Annotated[
    Optional[list[Path]],  # noqa: UP045  typer reads the annotation
    typer.Argument(metavar="PLAN…", help="What `preview --save` wrote; none: print the key alone.", show_default=False),
]
KeyOption = Annotated[
    str,
    typer.Option("--key", metavar="KEY", help="A private key: a PEM file, awskms://… or azurekeyvault://…"),
]
OutOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", metavar="FILE", help="Write the approval here.", show_default=False, dir_okay=False),
]
ExpiresOption = Annotated[str, typer.Option("--expires", metavar="TIME", help="How long it may be used.")]


def approve(
    *,
    plans: PlansArgument = None,
    key: KeyOption,
    out: OutOption = None,
    expires: ExpiresOption = "2d",
    format_: FormatOption = Format.TEXT,
) -> None:
    """Approve saved plans by signature: one file for as many cells as are named.

    `cellctl approve plans/*.json --key approver.pem --out approval.json`, then for each of them `cellctl up --plan
    FILE --approval approval.json`. Without plans it prints the key's public half, for `approval.signers` of the home.
    """
    from cellctl import manifest
    from cellctl.cli import streams
    from cellctl.cli.place import approved, seconds
    from cellctl.errors import UsageError
    from cellctl.signing import key_text, open_signer

    lasts_s = seconds(expires, "--expires")
    if plans and out is None:
        raise UsageError("--out says where the approval goes", hint=manifest.AGAIN, code="usage")
    approvals = [approved(path) for path in plans or ()]
    if out is not None:
        streams.check_writable(out)
    signer = open_signer(key, os.environ)
    if not approvals:
        streams.out().line(key_text(signer.public_key))
        return
    signed = manifest.approve(approvals, signer, expires_at=time.time() + lasts_s)
    assert out is not None
    streams.write_json(out, manifest.manifest_json(signed))
    if format_ is Format.JSON:
        streams.show_json(manifest.manifest_json(signed))
        return
    for approval in sorted(approvals, key=lambda item: item.plan.cell):
        streams.out().line(f"{approval.plan.cell}  {approval.plan.counted()}")
    streams.say(f"Wrote {out}: {len(approvals)} approved with {signed.key}, for {expires}.", fold=False)
