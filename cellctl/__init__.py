"""cellctl gives every customer a highly available Octopus Server cell of their own.

    from cellctl import Cell, Home

    cell = Cell.open("acme", home=Home.find())
    plan = cell.preview()
    outcome = cell.up(ask=lambda plan, objections: not objections)

Importing this package loads no Pulumi, pydantic or SQLAlchemy: public names are resolved on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl.cell import Cell, cells
    from cellctl.errors import CellctlError
    from cellctl.events import Event
    from cellctl.home import Home
    from cellctl.plan import Change, Outcome, Plan
    from cellctl.run.options import Interrupter, RunOptions
    from cellctl.spec import CellSpec

__version__ = "0.1.0"

__all__ = [
    "Cell",
    "CellSpec",
    "CellctlError",
    "Change",
    "Event",
    "Home",
    "Interrupter",
    "Outcome",
    "Plan",
    "RunOptions",
    "__version__",
    "cells",
]

_HOMES = {
    "Cell": "cellctl.cell",
    "CellSpec": "cellctl.spec",
    "CellctlError": "cellctl.errors",
    "Change": "cellctl.plan",
    "Event": "cellctl.events",
    "Home": "cellctl.home",
    "Interrupter": "cellctl.run.options",
    "Outcome": "cellctl.plan",
    "Plan": "cellctl.plan",
    "RunOptions": "cellctl.run.options",
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
