"""What is known of cells without asking a cloud: stacks, leases and runs of a home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.spec import CellSpec
    from cellctl.state.values import Value

CellState = Literal["absent", "up", "partial", "changing", "data_only"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellStatus:
    """What a home knows of one cell.

    `state`: `absent` (no resources), `up` (the last run that changed it succeeded), `partial` (it did not, or
    operations are pending), `changing` (a lease is held now), `data_only` (after `down --keep-data`). `pending`: URNs
    of operations that a crash left. `changed_at`: unix seconds of the last write of its state. `holder`: who holds the
    lease, in words. `file`: whether there is a cell file; `file_differs`: whether it says something else than what
    runs. `warnings`: e.g. that the state was read from its backup.
    """

    name: str
    cloud: str
    account: str
    region: str
    state: CellState
    resources: int = 0
    pending: tuple[str, ...] = ()
    changed_at: float | None = None
    last_run: str = ""
    last_result: str = ""
    holder: str = ""
    url: str = ""
    version: str = ""
    file: bool = True
    file_differs: bool = False
    unprotected: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def outputs(home: Home, name: str, *, show_secrets: bool = False) -> Mapping[str, Value]:
    """Return a stack's outputs; secrets read `[secret]` unless `show_secrets`."""
    raise NotImplementedError


def status(home: Home, name: str, spec: CellSpec | None) -> CellStatus:
    """Return the status of one cell."""
    raise NotImplementedError


def cells(home: Home) -> list[CellStatus]:
    """Return the status of every cell with a file or a stack, by name."""
    raise NotImplementedError
