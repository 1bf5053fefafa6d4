"""`cellctl sandbox reset`: forget everything the simulated clouds hold."""

from __future__ import annotations

import sys

from cellctl.cli.options import HomeOption, YesOption


def reset(home: HomeOption = None, yes: YesOption = False) -> None:
    """Delete every simulated object, fault and held name. States of cells stay: their next `up` finds the loss."""
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError

    control = open_control(home)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask on, so nothing was changed", hint="add --yes")
        sys.stderr.write("Forget everything the simulated clouds hold? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            streams.say("Nothing changed.")
            return
    streams.say(f"Forgot {control.reset()} simulated objects.")
