"""The sandbox as an engine host: embedded engine, simulated clouds, provider `cellctl`, stand-ins and their dialer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError
from cellctl_provider.probes import Probe, unobserved
from cellctl_provider.provider import CellctlProviderFactory
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.clouds.templates import EPOCH
from cellctl_sandbox.clouds.view import ObjectView
from cellctl_sandbox.clouds.world import World
from cellctl_sandbox.data_plane import DataPlane
from cellctl_sandbox.step_faults import StepFactory

if TYPE_CHECKING:
    from cellctl.dialer import Dialer
    from cellctl.state.values import Value
    from cellctl_provider.gateways import ProviderGateways
    from cellctl_provider.hosts.desk import Desk
    from cellctl_provider.protocol import ProviderFactory
    from cellctl_provider.reading import ProviderSecrets
    from cellctl_sandbox.engine.command import EmbeddedCommand
    from cellctl_sandbox.network import Reachability
    from cellctl_sandbox.sites import SandboxSites
    from cellctl_sandbox.watchers import Watchers
    from cellctl_sandbox.workings import Workings

CLOUD_PACKAGES = {"aws": ("aws",), "azure": ("azure-native",)}


def open_host(*, home: Path, cell: str, cloud: str, clock: str = "", probe: Probe = unobserved) -> SandboxHost:
    """Open the sandbox of a home for one operation (entry-point group `cellctl.engines`); `probe` looks at each step.

    Raises:
        UsageError: The clock is neither `stepped` nor a scale.
    """
    database = Database.open(home)
    simulated = SimulatedClock.of(database)
    simulated.pace = pace_of(clock)
    return SandboxHost(database, simulated, cell=cell, cloud=cloud, probe=probe)


def refused() -> list[str]:
    """Return what the embedded engine does not do, for `cellctl doctor`."""
    from cellctl_sandbox.engine.refusals import Feature

    return [item.value.listed for item in Feature]


def pace_of(clock: str) -> float | None:
    """Return a `--clock` option as a pace: None: the sandbox's own; 0: stepped; else a scale."""
    if clock in ("", "stepped"):
        return None if not clock else 0.0
    try:
        scale = float(clock)
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        hint = "a number is simulated seconds per real second"
        raise UsageError(f"the clock is 'stepped' or a number over 0, not '{clock}'", hint=hint, code="unknown_clock")
    return scale


class SandboxHost:
    """One operation process's sandbox. Stand-ins start when something dials them."""

    name = "embedded"

    def __init__(
        self, database: Database, clock: SimulatedClock, *, cell: str, cloud: str, probe: Probe = unobserved
    ) -> None:
        self._database = database
        self._clock = clock
        self._cell = cell
        self._cloud = cloud
        self._probe = probe
        self._standins = DataPlane(database, clock, cell, probe)
        self._desk: Desk | None = None

    @property
    def version(self) -> str:
        """Version of the engine: it comes with cellctl."""
        return _version()

    @cached_property
    def embedded(self) -> EmbeddedCommand:
        """The engine itself."""
        from cellctl_sandbox.engine.command import EmbeddedCommand

        return EmbeddedCommand(providers=self.providers(), probe=self._probe, remember_keys=True)

    @property
    def command(self) -> EmbeddedCommand:
        """The command that the Automation API drives."""
        return self.embedded

    def plugins(self, pulumi_home: Path, *, clock: str = "") -> Mapping[str, str]:
        """Put this sandbox's providers where the real CLI finds plugins; return the variables that they need."""
        from cellctl_sandbox import plugin

        plugin.install(pulumi_home, self.providers().values())
        return plugin.variables(home=self._database.path.parent.parent, cell=self._cell, cloud=self._cloud, clock=clock)

    def desk(self) -> Mapping[str, str]:
        """Serve the same providers from this process until it closes; return the variables that lead launchers here."""
        from cellctl_provider.hosts.desk import Desk
        from cellctl_provider.hosts.launcher import VARIABLE

        if self._desk is None:
            self._desk = Desk(self.providers())
        return {VARIABLE: str(self._desk.path)}

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing: the embedded engine reads no variables of its own."""
        return {}

    @property
    def dialer(self) -> Dialer:
        """Names lead to stand-ins."""
        return self._standins

    @property
    def database(self) -> Database:
        """The sandbox's file."""
        return self._database

    @property
    def view(self) -> ObjectView:
        """The objects of the simulated clouds."""
        return self._standins.view

    @property
    def network(self) -> Reachability:
        """Who reaches whom."""
        return self._standins.network

    @property
    def services(self) -> Workings:
        """What simulated services do with objects."""
        return self._standins.services

    @property
    def secrets(self) -> ProviderSecrets:
        """Reads secrets of the simulated clouds (`cellctl.verify.SecretReader`)."""
        return self._standins.secrets

    def cloud_now(self) -> float:
        """Return what time it is in the simulated clouds, in unix seconds."""
        return EPOCH.timestamp() + self._clock.now()

    def usage(self, quota: str, *, inside: str, account: str, region: str) -> Mapping[str, Value] | None:
        """Return what an account has of a quota: `{"used", "limit", "because"}`."""
        from cellctl_sandbox.clouds.quotas import usage

        package = CLOUD_PACKAGES[self._cloud][0]
        place = Tenancy(package=package, account=account, region=region)
        with self._database.transaction() as rows:
            return usage(World(self._database, rows, place, self._clock.now()), quota, inside)

    def offered(self, size: Mapping[str, Value], *, account: str, region: str) -> Mapping[str, Value]:
        """Return the zones in which a size is offered: of those asked for, all that it is not withheld in."""
        del account, region
        query = "SELECT zone FROM withheld WHERE size = ?"
        closed = {str(zone) for (zone,) in self._database.rows(query, (str(size.get("name")),))}
        asked = size.get("zones")
        zones = asked if isinstance(asked, list) and asked else ["*"]
        return {"zones": [zone for zone in zones if zone not in closed and "*" not in closed], "doubt": ""}

    @property
    def gateways(self) -> ProviderGateways:
        """Looks at simulated gateways (`cellctl.verify.gates.GatewayReader`)."""
        return self._standins.gateways

    @property
    def alarms(self) -> Watchers:
        """Judges simulated alarms (`cellctl.engine.ports.AlarmReader`)."""
        return self._standins.alarms

    @property
    def sites(self) -> SandboxSites:
        """Looks at simulated networks, zones and keys (`cellctl.engine.ports.SiteReader`)."""
        from cellctl_sandbox.sites import SandboxSites

        return SandboxSites(self._database, self._clock)

    def providers(self) -> dict[str, ProviderFactory]:
        """Return the providers of this sandbox by package."""
        packages = CLOUD_PACKAGES.get(self._cloud, tuple(name for names in CLOUD_PACKAGES.values() for name in names))
        services = self._standins.services
        found: dict[str, ProviderFactory] = {
            name: CloudFactory(name, self._database, self._probe, services) for name in packages
        }
        steps = CellctlProviderFactory(
            dialer=self._standins, sleep=self.sleep, credentials=self._standins.credentials_of
        )
        found["cellctl"] = StepFactory(steps, self._database, self._clock, self._probe)
        return found

    def simulated_now(self) -> float | None:
        """Return simulated seconds since the sandbox's epoch."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        self._clock.sleep(seconds)

    def interrupt(self) -> None:
        """Let the engine finish what is under way and start nothing new."""
        self.embedded.interrupt()

    def served(self) -> list[Mapping[str, object]]:
        """Start every stand-in that has something to serve and return where (`SandboxControl.serve`)."""
        return self._standins.served()

    def close(self) -> None:
        """Stop stand-ins and the desk, and leave the clock."""
        if self._desk is not None:
            self._desk.close()
        self._standins.close()
        self._clock.close()
        self._clock.pace = None


@cache
def _version() -> str:
    return version("cellctl")
