"""`PulumiSandbox`: simulated clouds and an engine in one folder, gone without a trace when it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cellctl_provider.probes import unobserved
from cellctl_provider.protocol import Provider, ProviderError
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.own_types import add_types, remove_types
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.control import Control
from cellctl_sandbox.host import SandboxHost
from cellctl_sandbox.step_faults import Steps
from cellctl_sandbox.testing.account import Cloud
from cellctl_sandbox.testing.own_provider import OwnFactory, RoutingFactory
from cellctl_sandbox.testing.stack import PASSPHRASE, Place, Program, SandboxStack

if TYPE_CHECKING:
    from cellctl_sandbox.engine.command.workspace import LocalWorkspaceOptions


class SimulatedTime:
    """The sandbox's clock: it stands still but for what calls take, and jumps."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock

    @property
    def now(self) -> float:
        """Simulated seconds since the sandbox began."""
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        """Let simulated time pass: deletions become due, held names free."""
        self._clock.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault rule in force."""

    number: int
    control: Control

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it may, or was cleared."""
        return all(row["id"] != self.number for row in self.control.faults())

    def clear(self) -> None:
        """Take it out of force."""
        self.control.clear_faults(self.number)


class PulumiSandbox:
    """Simulated clouds for Pulumi programs, in `folder`; use it as a context manager, or close it.

    Everything is in this process and in that folder: no CLI, no network, no environment variable, no setting of the
    Pulumi SDK stays behind. Simulated time is stepped: it costs no real time. Any number of stacks share the clouds.
    It stands still while another thread computes; one that uses `patience_s` CPU seconds without a pause fails the
    operation, and is named.
    """

    def __init__(self, folder: Path, *, patience_s: float = 30.0) -> None:
        self.folder = folder
        self._database = Database.open(folder)
        self._clock = SimulatedClock.of(self._database)
        self._clock.pace = 0.0
        self._clock.patience_s = patience_s
        self._clock.crash = self._crash
        self._host = SandboxHost(self._database, self._clock, cell="", cloud="")
        self._control = Control(folder)
        self._place = Place(folder=folder, providers=self._host.providers(), now=self._clock.now)
        self._types: list[Path] = []
        self.clock = SimulatedTime(self._clock)

    # ---- stacks
    def stack(
        self,
        name: str,
        program: Program,
        *,
        project: str = "project",
        config: Mapping[str, object] | None = None,
        secrets: Mapping[str, object] | None = None,
    ) -> SandboxStack:
        """Return a stack; one of this name and project that is there goes on, with this program and configuration.

        Args:
            name: Stack name.
            program: A function without arguments, plain or async, that declares resources.
            project: Project name.
            config: Configuration; a key without a colon belongs to the project. What is not text becomes JSON.
            secrets: Configuration that is secret.
        """
        return SandboxStack(self._place, name, program, project=project, config=config or {}, secrets=secrets or {})

    def automation(self) -> LocalWorkspaceOptions:
        """Return options for `pulumi.automation`: `create_or_select_stack(…, opts=sandbox.automation())` works here.

        For programs that drive the Automation API themselves. `stack` sees the same stacks, by name and project.
        """
        from cellctl_sandbox.engine.command import EmbeddedCommand
        from cellctl_sandbox.engine.command.workspace import workspace_options

        command = EmbeddedCommand(self._place.providers)
        return workspace_options(command, state=self._place.backend.root, passphrase=PASSPHRASE)

    # ---- what the simulated clouds do not know
    def types(self, folder: Path) -> None:
        """Simulate the types and functions of FOLDER/<cloud>/<service>.toml too, of any package whose SDK is installed.

        The format is docs/sandbox.md, with the facts of a type in its table `facts`. Known to the whole process until
        this sandbox is closed.

        Raises:
            FactsError: A file breaks the format; the message names file and place.
            NotSimulated: The installed SDKs have no such type.
        """
        packages = add_types(folder)
        self._types.append(folder)
        for package in packages:
            if package not in self._place.providers:
                self._place.providers[package] = CloudFactory(package, self._database)

    def provide(self, what: str, provider: Provider) -> None:
        """Serve a package (`random`), or one type or function (`aws:dynamodb/table:Table`), by a provider of your own.

        `OwnProvider` is a base class for one. Faults strike its calls as they strike others.
        """
        package, colon, _ = what.partition(":")
        rest = self._place.providers.get(package)
        own = Steps(provider, self._database, self._clock, unobserved)
        if not colon:
            self._place.providers[package] = OwnFactory(package, own)
        elif rest is None:
            raise LookupError(f"there is no package '{package}' that '{what}' could be a type of: provide the package")
        else:
            self._place.providers[package] = RoutingFactory(rest, {what: own})

    # ---- the clouds
    def cloud(self, name: str) -> Cloud:
        """Return a look at one cloud: `aws`, `azure`, or the package of a provider."""
        return Cloud(name, self._control)

    def fault(  # one parameter for each field of a rule
        self,
        *,
        type: str = "*",
        name: str = "*",
        op: str = "",
        effect: str = "error",
        error: str = "internal",
        message: str = "",
        count: int = 1,
        skip: int = 0,
        rate: float = 1.0,
        delay_s: float = 0.0,
        when: str = "after",
    ) -> Fault:
        """Let calls fail; returns the rule in force.

        Args:
            type: Glob over type tokens.
            name: Glob over logical names.
            op: create, read, update, delete, invoke or `*`; by default create for what growth meets (capacity, quota),
                else all.
            effect: `error` (nothing changed), `delay` (by `delay_s` simulated seconds), `lost` (changed, but the answer
                is an error), `partial` (made, but not ready), `hang` (until the resource's own `custom_timeouts`, or
                without them until `SandboxStack.interrupt`), `stale` (found by nobody for `delay_s`), `crash` (the
                operation ends as a killed process ends, `when` `before` or `after` the change; the test process lives).
            error: throttle, capacity, quota, conflict, auth, internal, not_found, invalid, unreachable or cancelled.
            message: What the cloud says; by default its usual words for that error.
            count: How many calls are struck; 0: all.
            skip: How many calls pass first.
            rate: With which probability a call is struck; drawn from the sandbox's seed.
            delay_s: Simulated seconds, for `delay`.
            when: For `crash`.

        Raises:
            ValueError: A value that is not allowed; the message lists those that are.
        """
        rule: dict[str, object] = {"type": type, "name": name, "op": op, "effect": effect, "error": error}
        rule |= {"message": message, "count": count, "skip": skip, "rate": rate, "delay_s": delay_s, "when": when}
        return Fault(self._control.add_fault({key: value for key, value in rule.items() if value != ""}), self._control)

    def clear_faults(self) -> None:
        """Take all fault rules out of force."""
        self._control.clear_faults()

    # ---- the end
    def close(self) -> None:
        """Stop everything that was started; the folder stays for a look at what a failed test left."""
        for folder in self._types:
            remove_types(folder)
        self._types.clear()
        self._host.close()
        self._clock.stop()
        self._database.close()

    def __enter__(self) -> PulumiSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _crash(self) -> NoReturn:
        """Stand for the end of the process: nothing is saved from here on, and the provider's call has no answer."""
        self._place.crashed()
        raise ProviderError("the process ended here", code="cancelled")
