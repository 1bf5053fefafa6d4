"""Previews of many cells saved side by side, for `cellctl approve` and `up --plan`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError, ExitCode, UsageError

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import RunOptions

AGAIN = "cellctl preview --all --save plans"


def save_all(home: Home, folder: Path | None, options: RunOptions, *, lasts_s: float) -> ExitCode:
    """Preview every cell of the home and write `FOLDER/CELL.json` for each that something would change in.

    Says a line for each cell; a broken one stops no other. A plan in the folder of a cell that nothing would change in
    is taken away, so that the folder is what this preview found.

    Raises:
        UsageError: No folder was given, or it cannot be written.
    """
    from cellctl.approval import Approval
    from cellctl.cell import preview_all
    from cellctl.cli import streams
    from cellctl.cli.session import interruptible
    from cellctl.views.saved_plan import saved_plan

    if folder is None:
        raise UsageError("--all needs a folder for the plans", hint=AGAIN, code="usage")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", hint=AGAIN) from None
    streams.check_writable(folder)
    failed = changing = 0
    with interruptible() as interrupter:
        for name, plan in preview_all(home, options=options, interrupter=interrupter):
            file = folder / f"{name}.json"
            file.unlink(missing_ok=True)
            if isinstance(plan, CellctlError) or plan.errored:
                failed += 1
                said = (
                    plan.summary if isinstance(plan, CellctlError) else "the preview failed: `cellctl preview` says why"
                )
                streams.out().line(f"{name}  failed: {said}")
            elif plan.empty:
                streams.out().line(f"{name}  nothing to do")
            else:
                changing += 1
                now = time.time()
                streams.write_json(file, saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + lasts_s)))
                refused = f", {len(plan.objections)} refused" if plan.objections else ""
                streams.out().line(f"{name}  {plan.counted()}{refused}")
    streams.say(f"Wrote {changing} to {folder}; {failed} failed.", fold=False)
    return ExitCode.FLEET_PARTLY_FAILED if failed else ExitCode.CHANGES_PENDING if changing else ExitCode.OK
