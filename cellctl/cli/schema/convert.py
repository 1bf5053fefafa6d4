"""`cellctl schema convert`: a file of an older version of the format, in the newest one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A cell file, reef file or cellctl.yaml.")]
WriteOption = Annotated[bool, typer.Option("--write", help="Change the file itself.")]


def convert(*, file: FileArgument, write: WriteOption = False) -> None:
    """Print a file in the newest version of its format.

    `cellctl schema convert cells/acme.yaml --write` changes the file. One that is of the newest version already stays
    as it is, letter by letter; one of a version that this cellctl does not know is refused (exit 2).
    """
    from cellctl.cli import streams
    from cellctl.spec import source
    from cellctl.spec.converting import LATEST, converted

    before = source.read(file)
    after = converted(before, source.shown(file))
    if not write:
        streams.out().line(after.rstrip("\n"))
    elif after == before:
        streams.say(f"{file} is of version {LATEST} already.", fold=False)
    else:
        streams.write_text(file, after)
        streams.say(f"Wrote {file}, now of version {LATEST}.", fold=False)
