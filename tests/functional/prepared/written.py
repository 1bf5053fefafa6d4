"""Homes whose cells and reefs are written by a test, and what they have made in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from warm import client, keys

from cellctl.cell import Cell
from cellctl.home import Home
from cellctl.plan import Outcome
from cellctl.reef import Reef
from cellctl.run.options import RunOptions
from cellctl_sandbox.clouds.database import Database

OPTIONS = RunOptions(clock="stepped", start=client.operation)
_HEAD = """\
apiVersion: cellctl/v1
kind: {}
metadata: {{name: {}}}
spec:
  cloud: {}
  account: sandbox
  region: {}
"""
_REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}


def home_of(root: Path) -> Home:
    """Return a home without cells."""
    made = Home(root)
    made.prepare()
    keys.give(root)
    made.write_file()
    for folder in ("cells", "reefs"):
        (root / folder).mkdir(exist_ok=True)
    return made


def write(
    home: Home, *, cells: Mapping[str, str], reefs: Mapping[str, str] | None = None, cloud: str = "azure"
) -> None:
    """Write files of cells and reefs: their names, and the lines of their specs besides cloud, account and region."""
    for folder, kind, files in (("cells", "Cell", cells), ("reefs", "Reef", reefs or {})):
        for name, body in files.items():
            (home.root / folder / f"{name}.yaml").write_text(_HEAD.format(kind, name, cloud, _REGIONS[cloud]) + body)


def up(handle: Cell | Reef) -> Outcome:
    """Bring it up in stepped time."""
    return handle.up(ask=lambda *_: True, options=OPTIONS)


def gone(handle: Cell | Reef) -> Outcome:
    """Take it down with its data."""
    return handle.down(ask=lambda *_: True, delete_data=True, options=OPTIONS)


def inputs(root: Path, cell: str, type_: str) -> list[dict[str, object]]:
    """Return the inputs of every living object of a type that a stack has made."""
    query = "SELECT inputs FROM objects WHERE type = ? AND cell = ? AND gone_s IS NULL"
    return [json.loads(str(row)) for (row,) in Database.open(root).rows(query, (type_, cell))]


def types(root: Path, cell: str) -> set[str]:
    """Return the last words of the types of which a stack has living objects."""
    rows = Database.open(root).rows("SELECT type FROM objects WHERE cell = ? AND gone_s IS NULL", (cell,))
    return {str(one).rpartition(":")[2] for (one,) in rows}


def foreign(root: Path) -> dict[object, object]:
    """Return everything that belongs to no stack, by id, whole."""
    query = "SELECT id, inputs || outputs FROM objects WHERE cell = '' AND gone_s IS NULL"
    return dict(Database.open(root).rows(query))  # type: ignore[arg-type]
