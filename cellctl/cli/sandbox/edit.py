"""`cellctl sandbox edit`: change an object behind everybody's back, to see drift being found."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from cellctl.cli.options import HomeOption
from cellctl.cli.sandbox.completion import completes

IdArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Id of the object, as `sandbox show` prints it.", autocompletion=completes("ids")
    ),
]
PathOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Option("--path", help="Property to change, for example tags.owner.", show_default=False),
]
ValueOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--value", help="New value, as JSON or as plain text.", show_default=False),
]
DeleteFlag = Annotated[bool, typer.Option("--delete", help="Delete the object.")]


def edit(
    object_id: IdArgument,
    path: PathOption = None,
    value: ValueOption = None,
    delete: DeleteFlag = False,
    home: HomeOption = None,
) -> None:
    """Change or delete a simulated object as a person in the cloud's console would.

    `cellctl sandbox edit vpc-0a1b2c3d4e5f60718 --path tags.owner --value nobody`

    `cellctl sandbox edit db-ABCDEFGHIJKLMNOPQRSTUVWXYZ --delete`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError

    if delete == (path is not None) or (path is not None and value is None):
        raise UsageError(
            "say either --delete, or --path and --value", hint="cellctl sandbox edit ID --path a.b --value 5"
        )
    try:
        open_control(home).edit(object_id, path or "", None if delete else _parsed(value or ""))
    except (KeyError, ValueError, LookupError) as error:
        raise UsageError(f"cannot edit {object_id}: {error}", hint="`cellctl sandbox show` lists ids") from error
    streams.say(f"{'Deleted' if delete else 'Changed'} {object_id}; `cellctl refresh` or `up` will find it.")


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
