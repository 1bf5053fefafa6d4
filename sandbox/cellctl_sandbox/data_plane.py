"""The data plane of one sandbox: every stand-in, started when something dials it, as one `Dialer`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl_provider.probes import Probe
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.view import ObjectView

if TYPE_CHECKING:
    from cellctl.dialer import Route
    from cellctl_provider.gateways import ProviderGateways
    from cellctl_provider.reading import ProviderSecrets
    from cellctl_sandbox.access import SandboxCredentials
    from cellctl_sandbox.inventory import Nodes, SqlServers
    from cellctl_sandbox.network import Reachability
    from cellctl_sandbox.queues import Queues
    from cellctl_sandbox.standins.dialer import SandboxDialer
    from cellctl_sandbox.standins.documents import Documents
    from cellctl_sandbox.watchers import Watchers
    from cellctl_sandbox.workings import Workings


class DataPlane:
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

    @cached_property
    def alarms(self) -> Watchers:
        """Return what runs the cell's watchers and judges its alarms."""
        from cellctl_sandbox.watchers import Watchers

        return Watchers(
            self.view,
            self.network,
            cell=self._cell,
            secrets=lambda: self.secrets,
            route=self._dialer.inside,
        )

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
            on_azure=network.azure_queue_trouble,
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
        from cellctl_sandbox.standins.azure_files import Accounts, AzureFilesStandin
        from cellctl_sandbox.standins.balancers import BalancerStandin
        from cellctl_sandbox.standins.dialer import SandboxDialer
        from cellctl_sandbox.standins.octopus.standin import OctopusStandin
        from cellctl_sandbox.standins.run_command import ResourceManagerStandin, Runs, systems_manager_service
        from cellctl_sandbox.standins.secret_stores import KeyVaultStandin, secrets_manager_service
        from cellctl_sandbox.standins.security_groups import security_groups_service
        from cellctl_sandbox.standins.smb import Directory
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
            self._documents,
            self.view,
            self.network,
            struck,
            cell=self._cell,
            is_appliance=self._nodes.is_appliance,
            directory=Directory.of(secrets),
        )
        accounts = Accounts(self._documents("storage_documents"), self.view)
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
                AwsEndpointStandin(
                    services,
                    queried=security_groups_service(self.view, interference=struck),
                    buckets=files.buckets,
                    regions=self._regions(),
                ),
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
                    runs,
                    authority,
                    authorized=self._credentials.manages,
                    keys=accounts.keys_of,
                    disturb=struck.disturb("management"),
                ),
                AzureFilesStandin(accounts),
                machines,
                BalancerStandin(self.network, machines, authority),
            ],
            way=self.network,
        )

    def _regions(self) -> list[str]:
        rows = self._database.rows("SELECT DISTINCT region FROM objects WHERE package = 'aws' ORDER BY region")
        return [str(region) for (region,) in rows if region]
