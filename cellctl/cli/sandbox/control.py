"""Opens the sandbox of a home through its entry point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cellctl.engine.ports import SandboxControl


def open_control(home: Path | None) -> SandboxControl:
    """Return the control of the sandbox in `home`.

    Raises:
        UsageError: The sandbox is not installed.
        GuardError: CELLCTL_REQUIRE_REAL is set.
    """
    from importlib.metadata import entry_points

    from cellctl.cli.place import open_home, refuse_if_real_is_required
    from cellctl.errors import UsageError

    refuse_if_real_is_required("sandbox")
    found = list(entry_points(group="cellctl.sandboxes"))
    if not found:
        raise UsageError("the sandbox is not installed", hint="install cellctl from its wheel or run `make install`")
    factory = found[0].load()
    return cast("SandboxControl", factory(open_home(home).root))
