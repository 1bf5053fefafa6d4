"""`cellctl sandbox secret`: read one simulated secret, or put one, on purpose and by its reference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from cellctl.cli.options import HomeOption

ReferenceArgument = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="ARN or vault URL, as `outputs` prints it.")
]
PutFlag = Annotated[bool, typer.Option("--put", help="Give it a value: from --from-file, a prompt, or stdin.")]
FileOption = Annotated[
    Optional[Path],  # noqa: UP045  typer reads the annotation
    typer.Option("--from-file", metavar="FILE", help="With --put: the file that holds the value.", show_default=False),
]


def secret(
    reference: ReferenceArgument, put: PutFlag = False, source: FileOption = None, home: HomeOption = None
) -> None:
    """Print one simulated secret on stdout, or put one there before a cell needs it.

    What `aws secretsmanager get-secret-value`, `put-secret-value` and `az keyvault secret show`, `set` do for a real
    account. A secret of AWS or a vault of Azure that is not there is made, as a person would; it belongs to no cell.

    `cellctl sandbox secret arn:aws:secretsmanager:eu-west-1:000000000000:secret:licence --put --from-file l.xml`

    `cellctl sandbox secret https://kv-own.vault.azure.net/secrets/octopus-licence --put --from-file l.xml`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError

    if source is not None and not put:
        again = f"cellctl sandbox secret {reference} --put --from-file {source}"
        raise UsageError("--from-file goes with --put", hint=again)
    if not put:
        streams.out().line(open_control(home).secret(reference))
        return
    control = open_control(home)
    made = control.put_secret(reference, _value(source))
    streams.say(f"{'Made' if made else 'Changed'} {reference}.", fold=False)


def _value(source: Path | None) -> str:
    """Return the value to put; the line end that an editor or `echo` adds is not part of it."""
    from cellctl.errors import UsageError

    try:
        if source is not None:
            text = source.read_text(encoding="utf-8")
        elif sys.stdin.isatty():
            text = str(typer.prompt("Value", hide_input=True, err=True))
        else:
            text = sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read {source or 'stdin'}: {why}", hint="name a text file that is there") from None
    if not text.strip():
        raise UsageError("there is no value to put", hint="say --from-file FILE, or type it at the prompt")
    return text.removesuffix("\n")
