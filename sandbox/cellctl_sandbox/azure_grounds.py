"""What another team may have in a subscription before a cell comes: a network with a way out, private zones."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.deposits import create

_SERVICES = (
    "privatelink.database.windows.net", "privatelink.file.core.windows.net", "privatelink.vaultcore.azure.net",
    "privatelink.redis.azure.net",
)  # fmt: skip
_ROLES = ("nodes", "endpoints", "balancers", "gateways")


_CONTROL = "10.255.0.0/24"
"""Where cellctl runs in the sandbox."""


def _admit(name: str, priority: int, source: str) -> Struct:
    return {
        "name": name, "priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": source, "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRanges": ["443", "445", "1433"],
    }  # fmt: skip


@dataclass
class _Ground:
    """Makes objects of one subscription and region that no program made."""

    database: Database
    place: Tenancy
    now_s: float
    name: str

    def make(self, service: str, kind: str, **inputs: Value) -> str:
        given: Struct = {"resourceGroupName": f"rg-{self.name}", "location": self.place.region, **inputs}
        return create(self.database, self.place, f"azure-native:{service}:{kind}", given, self.now_s).id

    def network(self, cidr: str) -> str:
        self.make("resources", "ResourceGroup")
        address = self.make(
            "network", "PublicIPAddress", publicIpAddressName=f"pip-{self.name}", sku={"name": "Standard"},
            publicIPAllocationMethod="Static", publicIPAddressVersion="IPv4",
        )  # fmt: skip
        gateway = self.make(
            "network", "NatGateway", natGatewayName=f"nat-{self.name}", sku={"name": "Standard"},
            publicIpAddresses=[{"id": address}],
        )  # fmt: skip
        group = self.make(
            "network", "NetworkSecurityGroup", networkSecurityGroupName=f"nsg-{self.name}-endpoints",
            securityRules=[_admit("in-network", 100, cidr), _admit("in-control", 110, _CONTROL)],
        )  # fmt: skip
        parts = [str(one) for one in ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=4)]
        subnets: list[Value] = [
            {"name": role, "addressPrefix": part, "defaultOutboundAccess": False}
            for role, part in zip(_ROLES, parts, strict=False)
        ]
        nodes, endpoints, gateways = subnets[0], subnets[1], subnets[3]
        assert isinstance(nodes, dict)
        assert isinstance(endpoints, dict)
        assert isinstance(gateways, dict)
        service = "Microsoft.Network/applicationGateways"
        gateways |= {
            "delegations": [{"name": "gateways", "serviceName": service}],
            "serviceEndpoints": [{"service": "Microsoft.KeyVault"}],
        }
        nodes["natGateway"] = {"id": gateway}
        endpoints |= {"networkSecurityGroup": {"id": group}, "privateEndpointNetworkPolicies": "Enabled"}
        return self.make(
            "network", "VirtualNetwork", virtualNetworkName=f"vnet-{self.name}", subnets=subnets,
            addressSpace={"addressPrefixes": [cidr]},
        )  # fmt: skip

    def key(self) -> str:
        vault = f"kv-{self.name}-{sum(map(ord, self.place.region)):06d}"
        properties: Struct = {
            "tenantId": self.place.tenant, "sku": {"family": "A", "name": "premium"}, "enableRbacAuthorization": True,
            "enableSoftDelete": True, "enablePurgeProtection": True, "softDeleteRetentionInDays": 90,
        }  # fmt: skip
        self.make("keyvault", "Vault", vaultName=vault, properties=properties)
        kind: Struct = {"kty": "RSA", "keySize": 3072}
        return self.make("keyvault", "Key", vaultName=vault, keyName="cells", properties=kind)

    def zone(self, name: str, network: str) -> str:
        zone = self.make("privatedns", "PrivateZone", privateZoneName=name, location="global")
        self.make(
            "privatedns", "VirtualNetworkLink", privateZoneName=name, virtualNetworkLinkName=f"link-{self.name}",
            location="global", registrationEnabled=False, virtualNetwork={"id": network},
        )  # fmt: skip
        return zone


def lay(
    database: Database, now_s: float, *, name: str, region: str, cidr: str, domain: str, key: bool
) -> dict[str, object]:
    """Make a network with subnets for nodes, private endpoints and load balancers, its zones, a `domain`, and a key.

    Returns what a cell file says of it, as `cellctl_sandbox.grounds.lay` does.
    """
    usual = unconfigured("azure-native")
    place = Tenancy(package="azure-native", account=usual.account, region=region, tenant=usual.tenant)
    ground = _Ground(database, place, now_s, name)
    network = ground.network(cidr)
    zones = [ground.zone(one, network) for one in _SERVICES]
    existing: dict[str, object] = {
        "id": network,
        "subnets": [f"{network}/subnets/nodes"],
        "databaseSubnets": [f"{network}/subnets/endpoints"],
        "balancerSubnets": [f"{network}/subnets/balancers"],
        "gatewaySubnets": [f"{network}/subnets/gateways"],
        "privateZones": zones[0].partition("/providers/")[0],
    }
    found: dict[str, object] = {"network": {"existing": existing}}
    if domain:
        found["ingress"] = {"zone": ground.zone(domain, network)}
    if key:
        found["protection"] = {"key": ground.key()}
    return found
