"""The cell file: `CellSpec`, and `load`, `loads`, `dump` between it and YAML.

Importing this package loads no pydantic: its names are resolved on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl.spec.model import CellBody, CellSpec
    from cellctl.spec.pending import not_yet, refuse_pending
    from cellctl.spec.reading import load, loads, located
    from cellctl.spec.writing import dump

__all__ = ["CellBody", "CellSpec", "dump", "load", "loads", "located", "not_yet", "refuse_pending"]

_HOMES = {
    "CellSpec": "cellctl.spec.model",
    "CellBody": "cellctl.spec.model",
    "load": "cellctl.spec.reading",
    "loads": "cellctl.spec.reading",
    "located": "cellctl.spec.reading",
    "dump": "cellctl.spec.writing",
    "not_yet": "cellctl.spec.pending",
    "refuse_pending": "cellctl.spec.pending",
}


def __getattr__(name: str) -> object:
    """Import the module that holds `name` and return it."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'cellctl.spec' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    return value
