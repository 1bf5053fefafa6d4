"""The command that the conformance kit plays its scenarios with."""

from __future__ import annotations

from cellctl_sandbox.engine.command import EmbeddedCommand


def command() -> EmbeddedCommand:
    """Return the engine without providers of its own; the kit's plugin is the only one that may be launched."""
    return EmbeddedCommand(plugins={"conf"})
