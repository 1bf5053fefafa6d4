"""`cellctl sandbox reset`: forget everything the simulated clouds hold."""

from __future__ import annotations

import sys
from typing import Annotated, Optional

import typer

from cellctl.cli.options import HomeOption, YesOption

SeedOption = Annotated[
    Optional[int],  # noqa: UP045  typer reads the annotation
    typer.Option("--seed", min=0, help="Begin anew at time 0: this decides all that is random.", show_default=False),
]


def reset(home: HomeOption = None, yes: YesOption = False, seed: SeedOption = None) -> None:
    """Delete every simulated object, rule and held name. States of cells stay: their next `up` finds the loss.

    Two runs of the same commands after `cellctl sandbox reset --seed 7` see the same durations, ids and faults.
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control

    control = open_control(home)
    if not agreed("Forget everything the simulated clouds hold?", yes=yes):
        streams.say("Nothing changed.")
        return
    streams.say(f"Forgot {control.reset(seed=seed)} simulated objects.")


def agreed(question: str, *, yes: bool) -> bool:
    """Ask on the terminal unless `--yes` was given.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    from cellctl.errors import UsageError

    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on, so nothing was changed", hint="add --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
