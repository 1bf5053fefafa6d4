"""Looks at the simulated network and zones that a cell file names, as `cellctl_provider.azure.sites` does."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value
from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.iam.azure import VAULT
from cellctl_sandbox.network import azure_names
from cellctl_sandbox.network.azure_rules import GROUP
from cellctl_sandbox.network.kept_secrets import KeptSecrets
from cellctl_sandbox.standins.cloud_view import CloudObject

_KEY = "azure-native:keyvault:Key"
_TABLE = "azure-native:network:RouteTable"


class AzureLook:
    """One look at one subscription's objects."""

    def __init__(self, estate: Estate, kept: KeptSecrets) -> None:
        self._estate, self._kept = estate, kept

    def seen(self, asked: Struct) -> Struct:
        """Return what is there of what is asked for."""
        found: Struct = {}
        network = self._estate.one(azure_names.NETWORK, str(asked.get("network") or ""))
        if network is not None:
            found["network"] = _document(network)
            for key, part, kind in (("groups", "networkSecurityGroup", GROUP), ("tables", "routeTable", _TABLE)):
                ids = {str(one) for one in every(network.properties, f"subnets.*.{part}.id")}
                there = (self._estate.one(kind, one) for one in sorted(ids))
                found[key] = [_document(one) for one in there if one is not None]
            found["addresses"] = [*self._addresses()]
        names = {str(one) for one in every(asked, "names.*")}
        found["zones"] = [*self._zones(names, str(asked.get("privateZones") or ""))]
        zone = self._estate.one(azure_names.ZONE, str(asked.get("zone") or ""))
        if zone is not None:
            found["zone"] = {**_document(zone), "networks": [*self._linked(zone)]}
            found["records"] = [*self._records(zone)]
        sealing = self._estate.one(_KEY, str(asked.get("key") or ""))
        vault = self._estate.find(sealing.id.rpartition("/keys/")[0]) if sealing else None
        if sealing is not None and vault is not None:
            found["key"], found["vault"] = _lifted(sealing), _lifted(vault)
        if asked.get("isolation"):
            found["isolation"] = "Registered"  # a simulated subscription may have every gateway
        return found | self._certificate(str(asked.get("certificate") or ""))

    def _certificate(self, uri: str) -> Struct:
        host, _, name = uri.removeprefix("https://").lower().partition("/secrets/")
        wanted = host.partition(".")[0]
        vault = next((one for one in self._estate.all(VAULT) if one.id.rpartition("/")[2].lower() == wanted), None)
        if vault is None:
            return {}
        secret: Struct = {"id": f"{vault.id}/secrets/{name}"}
        held = not self._kept.missing_in(self._estate, host, name)
        return {"certificateVault": _lifted(vault), **({"certificate": secret} if held else {})}

    def _addresses(self) -> Iterator[Struct]:
        kinds = {
            azure_names.INTERFACE: "ipConfigurations",
            azure_names.BALANCER: "frontendIPConfigurations",
            azure_names.GATEWAY: "frontendIPConfigurations",
        }
        for kind, key in kinds.items():
            for item in self._estate.all(kind):
                for one in every(item.properties, f"{key}.*"):
                    yield {"address": at(one, "privateIPAddress"), "subnet": at(one, "subnet.id")}
        for item in self._estate.all(azure_names.ENDPOINT):  # it has an interface, which is no object here
            yield {"address": text(item, "customDnsConfigs.0.ipAddresses.0"), "subnet": text(item, "subnet.id")}

    def _zones(self, names: set[str], group: str) -> Iterator[Struct]:
        for zone in self._estate.all(azure_names.ZONE):
            name = zone.id.rpartition("/")[2]
            if name in names and zone.id.lower().startswith(f"{group.lower()}/" if group else ""):
                yield {"id": zone.id, "name": name, "networks": [*self._linked(zone)]}

    def _linked(self, zone: CloudObject) -> Iterator[Value]:
        for link in self._estate.all(azure_names.LINK):
            if link.id.lower().startswith(f"{zone.id.lower()}/"):
                yield text(link, "virtualNetwork.id")

    def _records(self, zone: CloudObject) -> Iterator[Value]:
        name = zone.id.rpartition("/")[2]
        for record in self._estate.all(azure_names.RECORD):
            if record.id.lower().startswith(f"{zone.id.lower()}/a/"):
                relative = record.id.rpartition("/")[2]
                yield name if relative == "@" else f"{relative}.{name}"


def _lifted(item: CloudObject) -> Struct:
    inner = item.properties.get("properties")
    return {**item.properties, **(inner if isinstance(inner, dict) else {}), "id": item.id}


def _document(item: CloudObject) -> Struct:
    return {**item.properties, "id": item.id}
