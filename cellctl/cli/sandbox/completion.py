"""Shell completion for the sandbox's commands: types, names, ids, quotas. Nothing heavy is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer


def completes(what: str) -> Callable[[typer.Context, str], list[str]]:
    """Return a completion of `what`: types, services, names, ids, quotas, accounts or regions."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from cellctl.cli.sandbox.control import open_control
        from cellctl.errors import CellctlError

        home = context.params.get("home")
        try:
            found = open_control(home if isinstance(home, Path) else None).known(what)
        except (CellctlError, OSError):
            return []
        return [item for item in found if item.startswith(incomplete)]

    return complete


def choices(*words: str) -> Callable[[str], list[str]]:
    """Return a completion of fixed words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]
