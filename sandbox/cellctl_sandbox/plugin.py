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

from cellctl.errors import EngineError
from cellctl.state.files import write_atomically

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
    try:
        for factory in factories:
            folder = pulumi_home / "plugins" / f"resource-{factory.package}-v{factory.version}"
            path = folder / f"pulumi-resource-{factory.package}"
            text = _launcher(factory.package).encode()
            if path.exists() and path.read_bytes() == text:
                continue
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(path, text)
            path.chmod(0o700)
    except OSError as error:
        raise EngineError(
            f"the sandbox's plugins cannot be written to {pulumi_home}: {error.strerror or error}",
            hint="check its owner and free space",
            code="home_not_writable",
        ) from None


def _launcher(package: str) -> str:
    """Return the script; the engine's own argument, its address, is not needed."""
    paths = shlex.quote(":".join(entry for entry in sys.path if entry))
    given = " ".join(f'"${name}"' for name in _VARIABLES)
    command = f"{shlex.quote(sys.executable)} -P -m cellctl_sandbox.plugin {shlex.quote(package)} {given}"
    return f"#!/bin/sh\nPYTHONPATH={paths} exec {command}\n"


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
