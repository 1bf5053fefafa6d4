"""Groups of commands that are loaded and built when one of theirs is asked for: a start pays for none of the others."""

from __future__ import annotations

from importlib import import_module

import typer
from typer.core import TyperGroup

GROUPS = ("account", "gateway", "pr", "reef", "registry", "sandbox", "schema")
"""Each is the package of that name, which has an `app`."""


class Root(TyperGroup):
    """The commands of `cellctl`, the groups among them built on demand."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own click underneath
        """Return the names of commands and groups."""
        return [name for name in super().list_commands(ctx) if name not in GROUPS] + list(GROUPS)

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def,override]  # as above
        """Return a command or group, None where there is none: then all are built, so that the nearest is suggested."""
        if cmd_name not in self.commands:
            for name in (cmd_name,) if cmd_name in GROUPS else GROUPS:
                self.commands[name] = typer.main.get_command(import_module(f"cellctl.cli.{name}.app").app)
                self.commands[name].name = name
        return super().get_command(ctx, cmd_name)
