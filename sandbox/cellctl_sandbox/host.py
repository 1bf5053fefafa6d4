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
from cellctl_sandbox.step_faults import StepFactory

if TYPE_CHECKING:
    from cellctl.dialer import Dialer, Route
    from cellctl.state.values import Value
    from cellctl_provider.gateways import ProviderGateways
    from cellctl_provider.protocol import ProviderFactory
    from cellctl_provider.reading import ProviderSecrets
    from cellctl_sandbox.access import SandboxCredentials
    from cellctl_sandbox.engine.command import EmbeddedCommand
    from cellctl_sandbox.inventory import Nodes, SqlServers
    from cellctl_sandbox.network import Reachability
    from cellctl_sandbox.queues import Queues
    from cellctl_sandbox.sites import SandboxSites
    from cellctl_sandbox.standins.dialer import SandboxDialer
    from cellctl_sandbox.standins.documents import Documents
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
        self._standins = _StandIns(database, clock, cell, probe)

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

    @property
    def gateways(self) -> ProviderGateways:
        """Looks at simulated gateways (`cellctl.verify.gates.GatewayReader`)."""
        return self._standins.gateways

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
        """Stop stand-ins and leave the clock."""
        self._standins.close()
        self._clock.close()
        self._clock.pace = None


@cache
def _version() -> str:
    return version("cellctl")


class _StandIns:
    """All stand-ins of one host as one `Dialer`; nothing is loaded before the first dial."""

    def __init__(self, database: Database, clock: SimulatedClock, cell: str, probe: Probe) -> None:
        self._database = database
        self._clock = clock
        self._cell = cell
        self._probe = probe
        self._dialled = False
        self._reads = self._looks = False

    def route(self, name: str, port: int) -> Route:
        """Return the route to a stand-in."""
        return self._dialer.route(name, port)

    def credentials_of(self, variables: Mapping[str, str]) -> SandboxCredentials:
        """Return the sandbox's credentials (a `CredentialsFactory`)."""
        return self._credentials(variables)

    @cached_property
    def secrets(self) -> ProviderSecrets:
        """Return the reader of secrets."""
        from cellctl_provider.reading import ProviderSecrets

        self._reads = True
        return ProviderSecrets(dialer=self, credentials=self._credentials)

    @cached_property
    def gateways(self) -> ProviderGateways:
        """Return what looks at gateways."""
        from cellctl_provider.gateways import ProviderGateways

        self._looks = True
        return ProviderGateways(dialer=self, credentials=self._credentials, sleep=self._clock.sleep)

    def served(self) -> list[Mapping[str, object]]:
        """Start everything and return where it is served."""
        return [
            {
                "name": item.name,
                "port": item.port,
                "kind": item.what,
                "address": f"{item.route.host}:{item.route.port}",
                "hint": item.try_it,
            }
            for item in self._dialer.served()
        ]

    def close(self) -> None:
        """Stop what was started."""
        if self._reads:
            self.secrets.close()
        if self._looks:
            self.gateways.close()
        if self._dialled:
            self._dialer.close()

    @cached_property
    def view(self) -> ObjectView:
        """Return the objects of the simulated clouds."""
        return ObjectView(self._database, self._clock)

    @cached_property
    def _servers(self) -> SqlServers:
        from cellctl_sandbox.inventory import SqlServers

        return SqlServers(self.view, self._database)

    @cached_property
    def _nodes(self) -> Nodes:
        from cellctl_sandbox.inventory import Nodes

        trouble = self._queues.trouble
        return Nodes(self.view, self._database, self._clock, hindrance=self.network.hindrance, queue=trouble)

    @cached_property
    def _queues(self) -> Queues:
        from cellctl_sandbox.queues import Queues

        network = self.network
        return Queues(
            self.view,
            network.queue_cut_off,
            documents=self._documents("run_documents"),
            unread=network.secret_unread,
            closed=network.share_closed,
        )

    @cached_property
    def network(self) -> Reachability:
        """Return who reaches whom."""
        from cellctl_sandbox.network import Reachability

        return Reachability(self._database, self._clock, cell=self._cell)

    @cached_property
    def services(self) -> Workings:
        """Return what simulated services do with objects."""
        from cellctl_sandbox.workings import Workings

        return Workings(lambda: self.network)

    @cached_property
    def _credentials(self) -> SandboxCredentials:
        from cellctl_sandbox.access import SandboxCredentials
        from cellctl_sandbox.standins.tds.tokens_entra import TokenIssuer

        return SandboxCredentials(
            self.view, self._servers, TokenIssuer(self._folder), permitted=self.network.vault_refusal
        )

    @property
    def _folder(self) -> Path:
        return self._database.path.parent / "sandbox"

    def _documents(self, table: str) -> Documents:
        from cellctl_sandbox.standins.documents import Documents

        return Documents(self._database.path, table, seal=self._database.sealer)

    @cached_property
    def _dialer(self) -> SandboxDialer:
        from cellctl_sandbox.service_faults import ServiceFaults
        from cellctl_sandbox.shared_files import shared_files
        from cellctl_sandbox.standins.authority import Authority
        from cellctl_sandbox.standins.aws_endpoint import AwsEndpointStandin
        from cellctl_sandbox.standins.balancers import BalancerStandin
        from cellctl_sandbox.standins.dialer import SandboxDialer
        from cellctl_sandbox.standins.octopus.standin import OctopusStandin
        from cellctl_sandbox.standins.run_command import ResourceManagerStandin, Runs, systems_manager_service
        from cellctl_sandbox.standins.secret_stores import KeyVaultStandin, secrets_manager_service
        from cellctl_sandbox.standins.tds.standin import TdsStandin

        authority = Authority(self._folder)
        secrets = self._documents("secret_documents")
        struck = ServiceFaults(self._database, self._clock, cell=self._cell, probe=self._probe)
        machines = OctopusStandin(
            self._documents("octopus_documents"),
            self._nodes,
            authority,
            cell=self._cell,
            read_secret=self.secrets.read,
            disturb=struck.disturb("octopus"),
        )
        files = shared_files(
            self._documents, self.view, self.network, struck, cell=self._cell, is_appliance=self._nodes.is_appliance
        )
        runs = Runs(self._documents("run_documents"), machines.cluster, told=self._queues.tell)
        services = [
            systems_manager_service(runs, interference=struck),
            files.service,
            secrets_manager_service(
                secrets,
                self.view,
                managed=self._servers.managed_secret,
                refusal=self.network.operator_refusal,
                interference=struck,
            ),
        ]
        self._dialled = True
        return SandboxDialer(
            [
                AwsEndpointStandin(services, buckets=files.buckets, regions=self._regions()),
                *files.ports,
                KeyVaultStandin(
                    secrets,
                    self.view,
                    authority,
                    refusal=self._credentials.vault_refusal,
                    disturb=struck.disturb("keyvault"),
                ),
                TdsStandin(
                    self._database.path,
                    catalogue=self._servers,
                    authority=authority,
                    issuer=self._credentials.issuer,
                    faults=struck,
                ),
                ResourceManagerStandin(
                    runs, authority, authorized=self._credentials.manages, disturb=struck.disturb("management")
                ),
                machines,
                BalancerStandin(self.network, machines, authority),
            ],
            way=self.network,
        )

    def _regions(self) -> list[str]:
        rows = self._database.rows("SELECT DISTINCT region FROM objects WHERE package = 'aws' ORDER BY region")
        return [str(region) for (region,) in rows if region]
