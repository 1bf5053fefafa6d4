"""The cell file: `CellSpec`, and `load`, `loads`, `dump` between it and YAML.

Importing this package loads no pydantic: its names are resolved on first use (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellctl.spec.model import CellBody, CellSpec
    from cellctl.spec.reading import load, loads

__all__ = ["CellBody", "CellSpec", "load", "loads"]

_HOMES = {
    "CellSpec": "cellctl.spec.model",
    "CellBody": "cellctl.spec.model",
    "load": "cellctl.spec.reading",
    "loads": "cellctl.spec.reading",
}


def __getattr__(name: str) -> object:
    """Import the module that holds `name` and return it."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'cellctl.spec' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    return value
