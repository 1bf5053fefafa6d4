"""cellctl gives every customer a highly available Octopus Server cell of their own.

    from cellctl import AsyncCell, Home

    cell = AsyncCell.open("acme", home=Home.find())
    plan = await cell.preview()
    outcome = await cell.up(plan)

`Cell` is the same for callers that block.

Importing this package loads no Pulumi, pydantic or SQLAlchemy: public names are resolved on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.async_cell import AsyncCell
    from cellctl.cell import Cell, cells
    from cellctl.errors import CellctlError
    from cellctl.events import Event
    from cellctl.home import Home
    from cellctl.hooks import Hooks
    from cellctl.plan import Change, Outcome, Plan
    from cellctl.run.options import Interrupter, RunOptions
    from cellctl.running import Running
    from cellctl.spec import CellSpec

__version__ = "0.1.0"

__all__ = [
    "Approval",
    "AsyncCell",
    "Cell",
    "CellSpec",
    "CellctlError",
    "Change",
    "Event",
    "Home",
    "Hooks",
    "Interrupter",
    "Outcome",
    "Plan",
    "RunOptions",
    "Running",
    "__version__",
    "cells",
]

_HOMES = {
    "Approval": "cellctl.approval",
    "AsyncCell": "cellctl.async_cell",
    "Cell": "cellctl.cell",
    "CellSpec": "cellctl.spec",
    "CellctlError": "cellctl.errors",
    "Change": "cellctl.plan",
    "Event": "cellctl.events",
    "Home": "cellctl.home",
    "Hooks": "cellctl.hooks",
    "Interrupter": "cellctl.run.options",
    "Outcome": "cellctl.plan",
    "Plan": "cellctl.plan",
    "RunOptions": "cellctl.run.options",
    "Running": "cellctl.running",
    "cells": "cellctl.cell",
}


def __getattr__(name: str) -> object:
    """Import the module that holds `name` and return it."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'cellctl' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
