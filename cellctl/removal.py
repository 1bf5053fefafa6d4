"""Taking away what has a stack: the part that the blocking handles of a cell, a reef and an account share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.async_removal import AsyncRemovable
    from cellctl.plan import Outcome, Plan


class Removable:
    """A handle of what `down` takes away."""

    _removal: AsyncRemovable

    def preview_down(
        self,
        *,
        keep_data: bool = False,
        delete_data: bool = False,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Plan:
        """Return what `down` would remove; changes nothing. As `AsyncRemovable.preview_down`."""
        return self._removal.preview_down(
            keep_data=keep_data, delete_data=delete_data, options=options, on_event=on_event, interrupter=interrupter
        ).here()

    def down(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: Ask | None = None,
        keep_data: bool = False,
        delete_data: bool = False,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Remove it, its data only where that is said; works without its file. As `AsyncRemovable.down`."""
        return self._removal.down(
            plan, ask=ask, keep_data=keep_data, delete_data=delete_data, options=options, on_event=on_event,
            interrupter=interrupter,
        ).here()  # fmt: skip
