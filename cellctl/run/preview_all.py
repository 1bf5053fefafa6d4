"""Previews of many cells: warm processes for sandbox cells, one for each core, a process each in real accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError, UsageError
from cellctl.run.finding import find
from cellctl.run.many import each, one_at_a_time
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

    heard, read = one_at_a_time(on_event), dict[str, "AnySpec"]()

    def look(cell: str | AnySpec, worker: Worker | None, own: Interrupter) -> Plan:
        spec = read.pop(cell, None) if isinstance(cell, str) else cell
        spec = spec or _spec(home, cell)
        return preview(home, spec, options=options, on_event=heard, interrupter=own, worker=worker)

    def real(cell: str | AnySpec) -> bool:
        spec = _spec(home, cell)
        if isinstance(cell, str):
            read[cell] = spec  # a file is read once
        return not home.account(spec.spec.account).simulated

    return each(cells, look, real=real, options=options, interrupter=interrupter)


def _spec(home: Home, cell: str | AnySpec) -> AnySpec:
    spec = find(cell, home)[1] if isinstance(cell, str) else cell
    if spec is None:
        raise UsageError(f"the file of cell '{cell}' is gone", hint=f"cells/{cell}.yaml is needed")
    return spec
