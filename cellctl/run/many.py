"""One operation that only looks, for many cells one after another: a broken cell never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from cellctl.engine.operation import fresh_interpreter
from cellctl.errors import CellctlError, Interrupted
from cellctl.run.worker import Worker

if TYPE_CHECKING:
    from cellctl.run.options import Interrupter, RunOptions
    from cellctl.run.target import AnySpec

T = TypeVar("T")
C = TypeVar("C", "str", "str | AnySpec")


def each(
    cells: Iterable[C], look: Callable[[C, Worker], T], *, options: RunOptions, interrupter: Interrupter | None
) -> Iterator[tuple[str, T | CellctlError]]:
    """Yield each cell's name with what `look` returns, or with the error that it raises; all share one worker.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """
    with Worker(options.start or fresh_interpreter) as worker:
        for cell in cells:
            name = cell if isinstance(cell, str) else cell.metadata.name
            try:
                if interrupter is not None and interrupter.count:
                    raise Interrupted("stopped between two cells", hint="run the same command again")
                yield name, look(cell, worker)
            except Interrupted:
                raise
            except CellctlError as error:
                yield name, error
