"""The sandbox's providers as plugins of the real CLI: launchers in its plugin folder, and the process behind each.

A launcher is a shell script that becomes `python -m cellctl_sandbox.plugin PACKAGE HOME CELL CLOUD CLOCK`, where home,
cell, cloud and clock come from the environment that `variables` makes: one folder of launchers serves every cell of a
home. Each process hosts the stand-ins that its provider dials; what they know is in `sandbox.db`, so all agree.
Source of the folder's layout and of the launch protocol: reference/pulumi.md 2.4.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl_provider.hosts.launcher import place

if TYPE_CHECKING:
    from cellctl_provider.protocol import ProviderFactory

_VARIABLES = ("CELLCTL_PLUGIN_HOME", "CELLCTL_PLUGIN_CELL", "CELLCTL_PLUGIN_CLOUD", "CELLCTL_PLUGIN_CLOCK")


def variables(*, home: Path, cell: str, cloud: str, clock: str = "") -> dict[str, str]:
    """Return the environment in which the launchers find their sandbox; the arguments are those of `open_host`."""
    return dict(zip(_VARIABLES, (str(home), cell, cloud, clock), strict=True))


def install(pulumi_home: Path, factories: Iterable[ProviderFactory]) -> None:
    """Write a launcher for each provider into a PULUMI_HOME that no real account uses.

    Raises:
        EngineError: The folder cannot be written.
    """
    given = " ".join(f'"${name}"' for name in _VARIABLES)
    for factory in factories:
        words = f"cellctl_sandbox.plugin {shlex.quote(factory.package)} {given}"
        place(pulumi_home, factory.package, factory.version, words)


def main(words: list[str]) -> None:
    """Serve one provider until the engine closes standard input; words: package, home, cell, cloud, clock."""
    from cellctl_provider.hosts.plugin import serve
    from cellctl_sandbox.host import open_host

    package, home, cell, cloud, clock = words
    host = open_host(home=Path(home), cell=cell, cloud=cloud, clock=clock)
    serve(host.providers()[package])
    host.close()
    os._exit(0)  # a call that still waits for the clock must not keep the process: its engine is gone


if __name__ == "__main__":
    main(sys.argv[1:])
