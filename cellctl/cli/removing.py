"""What every `down` does once it knows what is meant: write a plan for approval, or ask, remove and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.cli.options import EngineName, OutputMode, RefreshScope

if TYPE_CHECKING:
    from cellctl.cli.place import Place
    from cellctl.cli.reporting import Report
    from cellctl.removal import Removable


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The options that every `down` has, as they were typed."""

    keep_data: bool
    delete_data: bool
    accept_loss: list[str] | None = None
    yes: bool
    save: Path | None
    expires: str
    plan: Path | None
    approval: Path | None
    output: OutputMode
    override: list[str] | None
    clock: str
    engine: EngineName
    deadline: str


def remove(removal: Removal, report: Report, located: Callable[[str], tuple[Place, Removable]]) -> int:
    """Remove what `located` finds, or save the plan of it; return the exit code.

    `located` is told the name in the plan that was approved, `` without one.

    Raises:
        UsageError: Options exclude each other, or a file is no plan.
        GuardError: It is refused.
    """
    from cellctl.cli.place import run_options
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import DownSession
    from cellctl.errors import UsageError

    asked = removal
    if asked.keep_data and asked.delete_data:
        raise UsageError("--keep-data and --delete-data exclude each other", hint="say one of them")
    lasts_s, (chosen, manifest) = ready(asked.save, asked.expires), planned(asked.plan, asked.approval, asked.save)
    place, handle = located(chosen.plan.cell if chosen else "")
    report.at(place)
    flag = " --keep-data" if asked.keep_data else " --delete-data" if asked.delete_data else ""
    again = place.command("down") + flag
    session = DownSession("down", place, mode=asked.output, yes=asked.yes or chosen is not None, again=again)
    options = run_options(
        refresh=RefreshScope.STATEFUL,
        clock=asked.clock,
        engine=asked.engine,
        deadline=asked.deadline,
        accept_loss=asked.accept_loss,
        override=asked.override,
        command=again,
        approval=chosen,
        manifest=manifest,
    )
    if asked.save is not None:
        with session:
            looked = handle.preview_down(
                keep_data=asked.keep_data, delete_data=asked.delete_data, options=options, on_event=session.event,
                interrupter=session.interrupter,
            )  # fmt: skip
        return finish(session, asked.save, looked, lasts_s=lasts_s, jsonl=asked.output is OutputMode.JSONL)
    with session:
        outcome = handle.down(
            ask=session.ask, keep_data=asked.keep_data, delete_data=asked.delete_data, options=options,
            on_event=session.event, interrupter=session.interrupter,
        )  # fmt: skip
    return session.finish(outcome)
