"""Previews of many cells, one after another, with one warm process for each stretch of sandbox cells of a cloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cellctl.engine.operation import fresh_interpreter
from cellctl.errors import CellctlError, Interrupted, UsageError
from cellctl.run.finding import find
from cellctl.run.preview import preview
from cellctl.run.worker import Worker

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Plan
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.spec import CellSpec


def preview_all(
    home: Home,
    cells: Iterable[str | CellSpec],
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Iterator[tuple[str, Plan | CellctlError]]:
    """Yield each name with its Plan or its error. Arguments: `cellctl.cell.preview_all`."""
    with Worker(options.start or fresh_interpreter) as worker:
        for cell in cells:
            name = cell if isinstance(cell, str) else cell.metadata.name
            try:
                yield name, _one(home, cell, worker, options=options, on_event=on_event, interrupter=interrupter)
            except Interrupted:
                raise
            except CellctlError as error:
                yield name, error


def _one(
    home: Home,
    cell: str | CellSpec,
    worker: Worker,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Plan:
    if interrupter is not None and interrupter.count:
        raise Interrupted("stopped between two cells", hint="run the same command again")
    spec = find(cell, home)[1] if isinstance(cell, str) else cell
    if spec is None:
        raise UsageError(f"the file of cell '{cell}' is gone", hint=f"cells/{cell}.yaml is needed")
    return preview(home, spec, options=options, on_event=on_event, interrupter=interrupter, worker=worker)
