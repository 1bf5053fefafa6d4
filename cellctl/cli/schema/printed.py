"""`cellctl schema cell`, `home`, `reef`, `plan`: the JSON schemas of files, for editors and CI."""

from __future__ import annotations

import typer


def alone(context: typer.Context) -> None:
    """Print the schema of a cell file where no other one was asked for."""
    if context.invoked_subcommand is None:
        cell()


def cell() -> None:
    """Print the JSON schema of a cell file."""
    from cellctl.cli import streams
    from cellctl.spec.schema import cell_schema

    streams.show_json(cell_schema())


def home() -> None:
    """Print the JSON schema of cellctl.yaml."""
    from cellctl.cli import streams
    from cellctl.spec.schema import home_schema

    streams.show_json(home_schema())


def reef() -> None:
    """Print the JSON schema of a reef file."""
    from cellctl.cli import streams
    from cellctl.spec.schema import reef_schema

    streams.show_json(reef_schema())


def plan() -> None:
    """Print the JSON schema of a Plan, as `preview --format json` and `--save` write it."""
    from cellctl.cli import streams
    from cellctl.views.plan_schema import plan_schema

    streams.show_json(plan_schema())
