"""What the library asks of an engine host and of a sandbox; both are found through entry points, never imported."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pulumi.automation import PulumiCommand

    from cellctl.dialer import Dialer


class EngineHost(Protocol):
    """An engine for the length of one operation process, with what its providers need (stand-ins, clock)."""

    @property
    def name(self) -> str:
        """`embedded` or `pulumi`."""

    @property
    def version(self) -> str:
        """Version of the engine."""

    @property
    def command(self) -> PulumiCommand:
        """The command that the Automation API drives."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for the workspace, beyond those cellctl sets itself."""

    @property
    def dialer(self) -> Dialer:
        """How endpoints are reached while this host is open."""

    def simulated_now(self) -> float | None:
        """Return simulated seconds since the sandbox's epoch, None where clouds are real."""

    def sleep(self, seconds: float) -> None:
        """Wait, in simulated time where clouds are simulated. For what polls beside the engine, such as `verify`."""

    def interrupt(self) -> None:
        """React as the CLI does to SIGINT: finish what is under way, start nothing new. From any thread."""

    def close(self) -> None:
        """Stop stand-ins and release the clock."""


class PluginSandbox(EngineHost, Protocol):
    """A sandbox whose providers the real CLI can load too."""

    def plugins(self, pulumi_home: Path, *, clock: str = "") -> Mapping[str, str]:
        """Write launchers into a PULUMI_HOME; return the variables that the engine must hand on to them."""


class HostFactory(Protocol):
    """Entry-point group `cellctl.engines`."""

    def __call__(self, *, home: Path, cell: str, cloud: str, clock: str = "") -> EngineHost:
        """Open a host. `home` is the home's root; `clock` is `` (the sandbox's own setting), `stepped` or a scale."""


class SandboxControl(Protocol):
    """Entry-point group `cellctl.sandboxes`: what `cellctl sandbox …` needs. JSON-like values in and out."""

    def show(self) -> Mapping[str, object]:
        """Return every simulated object.

        `{"accounts": [{"cloud", "account", "objects": [{"type", "id", "name", "cell", "urn", "state"}]}]}`.
        """

    def reset(self) -> int:
        """Delete every simulated object, fault and held name; return how many objects there were."""

    def faults(self) -> list[Mapping[str, object]]:
        """Return the fault rules in force, oldest first, each with its `id`."""

    def add_fault(self, rule: Mapping[str, object]) -> int:
        """Add a fault rule (docs/sandbox.md) and return its id; ValueError on an unknown field or value."""

    def clear_faults(self, rule_id: int | None = None) -> int:
        """Remove one or all fault rules; return how many."""

    def clock(self) -> Mapping[str, object]:
        """Return `{"mode": "paced"|"stepped", "scale": float, "now_s": float, "waiters": int}`."""

    def set_clock(self, *, mode: str, scale: float | None = None) -> None:
        """Set how simulated time passes."""

    def edit(self, object_id: str, path: str, value: object) -> None:
        """Change a property of an object behind everybody's back (drift); value None with path "" deletes it."""

    def secret(self, reference: str) -> str:
        """Return a simulated secret in clear; UsageError if there is none of that reference."""

    def serve(self) -> AbstractContextManager[list[Mapping[str, object]]]:
        """Keep the stand-ins up inside the context.

        Yields one entry for each endpoint: `{"name", "port", "kind", "address", "hint"}`; `name`:`port` is what a cloud
        would give, `address` is `127.0.0.1:PORT`, `hint` a command to try. No secret is in it.
        """
