"""`cellctl sandbox secret`: read one simulated secret, on purpose and by its reference."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.options import HomeOption

ReferenceArgument = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="ARN or vault URL, as `outputs` prints it.")
]


def secret(reference: ReferenceArgument, home: HomeOption = None) -> None:
    """Print one simulated secret on stdout.

    What `aws secretsmanager get-secret-value` and `az keyvault secret show` do for a real account.
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control

    streams.out().line(open_control(home).secret(reference))
