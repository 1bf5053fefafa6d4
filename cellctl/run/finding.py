"""Finds a cell by its file or its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError
from cellctl.run.target import record_of

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.spec import CellSpec


def find(cell: str | Path, home: Home) -> tuple[str, CellSpec | None]:
    """Return name and spec of a cell; the spec is None where only the stack is left.

    Raises:
        SpecError: The file is wrong.
        UsageError: There is neither a file nor a stack (code `no_cell`).
    """
    from cellctl.spec import load

    path = Path(cell)
    named = isinstance(cell, Path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    file = path if named else home.cell_file(str(cell))
    if named or file.exists():
        spec = load(file)
        return spec.metadata.name, spec
    if record_of(home, str(cell)):
        return str(cell), None
    raise UsageError(f"there is no cell '{cell}' here", hint=_near(str(cell), home), code="no_cell")


def _near(name: str, home: Home) -> str:
    import difflib

    names = sorted({*home.cell_names(), *home.stack_names()})
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"{home.cell_file(name)} would be its file"
