"""Provider `cellctl` as a plugin of the real CLI, for real accounts: `python -m cellctl_provider.plugin`."""

from __future__ import annotations

from pathlib import Path

from cellctl_provider.hosts.launcher import place
from cellctl_provider.provider import PACKAGE, VERSION, CellctlProviderFactory


def install(pulumi_home: Path) -> None:
    """Put its launcher into a PULUMI_HOME (entry-point group `cellctl.plugins`).

    Raises:
        EngineError: The folder cannot be written.
    """
    place(pulumi_home, PACKAGE, VERSION, "cellctl_provider.plugin")


def main() -> None:
    """Serve until the engine closes standard input."""
    from cellctl_provider.hosts.plugin import serve

    serve(CellctlProviderFactory())


if __name__ == "__main__":
    main()
