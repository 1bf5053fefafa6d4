"""Previews of many cells, one after another, with one warm process for each stretch of sandbox cells of a cloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError, UsageError
from cellctl.run.finding import find
from cellctl.run.many import each
from cellctl.run.preview import preview

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Plan
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.target import AnySpec
    from cellctl.run.worker import Worker


def preview_all(
    home: Home,
    cells: Iterable[str | AnySpec],
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Iterator[tuple[str, Plan | CellctlError]]:
    """Yield each name with its Plan or its error. Arguments: `cellctl.cell.preview_all`."""

    def look(cell: str | AnySpec, worker: Worker) -> Plan:
        return _one(home, cell, worker, options=options, on_event=on_event, interrupter=interrupter)

    return each(cells, look, options=options, interrupter=interrupter)


def _one(
    home: Home,
    cell: str | AnySpec,
    worker: Worker,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Plan:
    spec = find(cell, home)[1] if isinstance(cell, str) else cell
    if spec is None:
        raise UsageError(f"the file of cell '{cell}' is gone", hint=f"cells/{cell}.yaml is needed")
    return preview(home, spec, options=options, on_event=on_event, interrupter=interrupter, worker=worker)
