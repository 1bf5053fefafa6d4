"""Plans saved in files, one or those of many cells side by side, for `cellctl approve` and --plan."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError, ExitCode, UsageError

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.cli.session import Session
    from cellctl.home import Home
    from cellctl.manifest import Manifest
    from cellctl.plan import Plan
    from cellctl.run.options import RunOptions

AGAIN = "cellctl preview --all --save plans"


def ready(file: Path | None, expires: str) -> float:
    """Return for how many seconds a saved plan may be applied; `file` must be writable.

    Raises:
        UsageError: It is not, or `expires` is no time.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import seconds

    if file is not None:
        streams.check_writable(file)
    return seconds(expires, "--expires")


def save(file: Path, plan: Plan, *, lasts_s: float) -> None:
    """Write a plan as `approve` and --plan read it."""
    from cellctl.approval import Approval
    from cellctl.cli import streams
    from cellctl.views.saved_plan import saved_plan

    now = time.time()
    streams.write_json(file, saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + lasts_s)))


def finish(session: Session, file: Path, plan: Plan, *, lasts_s: float, jsonl: bool) -> int:
    """Save and show a plan that was only looked at; return the exit code."""
    from cellctl.cli import streams
    from cellctl.views.plan_text import objections_text, plan_text

    save(file, plan, lasts_s=lasts_s)
    if jsonl:
        session.finish_preview(plan)
    else:
        streams.show(plan_text(plan))
        if plan.objections:
            streams.say(objections_text(plan.objections))
        streams.say(f"Wrote {file}; nothing changed.", fold=False)
    return int(ExitCode.FAILED if plan.errored else ExitCode.OK)


def planned(plan: Path | None, approval: Path | None, save: Path | None) -> tuple[Approval | None, Manifest | None]:
    """Return the approved plan and the signature that a command was given.

    Raises:
        UsageError: A file is no such thing, a signature came without its plan, or a plan is to be saved and applied.
    """
    from cellctl.cli.place import approved, signed

    if save is not None and plan is not None:
        raise UsageError("--save writes a plan and --plan applies one", hint="say one of them", code="usage")
    found = approved(plan) if plan is not None else None
    return found, signed(approval, found) if approval is not None else None


def save_all(home: Home, folder: Path | None, options: RunOptions, *, lasts_s: float) -> ExitCode:
    """Preview every cell of the home and write `FOLDER/CELL.json` for each that something would change in.

    Says a line for each cell; a broken one stops no other. A plan in the folder of a cell that nothing would change in
    is taken away, so that the folder is what this preview found.

    Raises:
        UsageError: No folder was given, or it cannot be written.
    """
    from cellctl.cell import preview_all
    from cellctl.cli import streams
    from cellctl.cli.session import interruptible

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
                save(file, plan, lasts_s=lasts_s)
                refused = f", {len(plan.objections)} refused" if plan.objections else ""
                streams.out().line(f"{name}  {plan.counted()}{refused}")
    streams.say(f"Wrote {changing} to {folder}; {failed} failed.", fold=False)
    return ExitCode.FLEET_PARTLY_FAILED if failed else ExitCode.CHANGES_PENDING if changing else ExitCode.OK
