"""All stand-ins of one sandbox behind one Dialer, and provider `cellctl` dialling through it.

standins = open_standins(home, view=view, database=path, seal=sealer, sleep=clock.sleep, cell="acme")
standins.dialer; standins.provider_factory; standins.secrets     # what a host needs
standins.served()                                                # what `sandbox serve` prints
standins.close()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cellctl_provider.provider import CellctlProviderFactory
from cellctl_provider.reading import ProviderSecrets
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.aws_endpoint import AwsEndpointStandin
from cellctl_sandbox.standins.aws_json import Interference
from cellctl_sandbox.standins.cloud_view import CloudView
from cellctl_sandbox.standins.dialer import SandboxDialer, ServedName
from cellctl_sandbox.standins.documents import Documents, Seal
from cellctl_sandbox.standins.identities import SandboxCredentials, opens_vaults
from cellctl_sandbox.standins.machines import CellNodes, is_appliance
from cellctl_sandbox.standins.octopus import OctopusStandin
from cellctl_sandbox.standins.secret_stores import KeyVaultStandin, secrets_manager_service
from cellctl_sandbox.standins.sql_servers import SqlServers
from cellctl_sandbox.standins.storage_gateway import ApplianceStandin, storage_gateway_service
from cellctl_sandbox.standins.tds import TdsStandin, TokenIssuer


@dataclass(frozen=True, kw_only=True)
class Standins:
    """The stand-ins of one operation, started as they are dialled.

    `secrets` satisfies `cellctl.verify.SecretReader`. `anchor` is the PEM text of the CA that all of them present.
    """

    dialer: SandboxDialer
    provider_factory: CellctlProviderFactory
    secrets: ProviderSecrets
    anchor: str

    def served(self) -> list[ServedName]:
        """Start everything that exists now and return where it is."""
        return self.dialer.served()

    def close(self) -> None:
        """Stop everything."""
        self.secrets.close()
        self.dialer.close()


def open_standins(
    home: Path,
    *,
    view: CloudView,
    database: Path,
    seal: Seal,
    sleep: Callable[[float], None],
    cell: str = "",
    regions: tuple[str, ...] = (),
    interference: Interference | None = None,
) -> Standins:
    """Return the stand-ins over one sandbox file.

    `home` is the home's root (the CA and the token issuer keep their keys under `.cellctl/standins`, 0700); `cell`
    narrows private addresses to one cell, because two cells may use one range; `regions` are announced by `served`.
    """
    folder = home / ".cellctl" / "standins"
    authority, issuer = Authority(folder), TokenIssuer(folder)
    gateways = Documents(database, "gateway_documents")
    nodes = Documents(database, "octopus_documents")
    values = Documents(database, "octopus_secrets", seal=seal)
    servers = SqlServers(values, view)
    services = [
        storage_gateway_service(gateways, view, interference=interference),
        secrets_manager_service(values, view, managed=servers.managed, interference=interference),
    ]
    dialer = SandboxDialer(
        [
            AwsEndpointStandin(services, regions=regions),
            ApplianceStandin(gateways, view, cell=cell, is_appliance=is_appliance),
            OctopusStandin(nodes, CellNodes(view, database), authority, cell=cell),
            TdsStandin(database, catalogue=servers, authority=authority, issuer=issuer),
            KeyVaultStandin(values, view, authority, authorized=lambda token: opens_vaults(issuer, token)),
        ]
    )
    credentials = SandboxCredentials(issuer, view)
    return Standins(
        dialer=dialer,
        provider_factory=CellctlProviderFactory(dialer=dialer, sleep=sleep, credentials=lambda _: credentials),
        secrets=ProviderSecrets(dialer=dialer, credentials=credentials),
        anchor=authority.trust_anchor,
    )
