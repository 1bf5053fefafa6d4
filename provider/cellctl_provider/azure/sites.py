"""Looks at the network and zones that a cell file names in a real subscription: reads alone, changes nothing.

What is returned is judged by others (`cellctl_components.azure.site_rules`); what is not there is absent. Documents are
as Azure Resource Manager has them, with `properties` lifted one level up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx

from cellctl.errors import EngineError, UsageError
from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value
from cellctl_provider.azure.federation import MANAGEMENT, AzureRefused, answer, pages, token

_TIMEOUT_S = 20.0
_NETWORK_API, _ZONE_API, _VAULT_API = "2024-05-01", "2024-06-01", "2024-11-01"
"""API versions; those of azure-native 3.29.0 (reference/azure.md 1.13)."""
_FEATURE_API = "2021-07-01"
_ISOLATION = (
    "/providers/Microsoft.Features/providers/Microsoft.Network/features/EnableApplicationGatewayNetworkIsolation"
)
_ZONES = "/providers/Microsoft.Network/privateDnsZones"


class FederatedSites:
    """Satisfies `cellctl.engine.ports.SiteReader` for real subscriptions: as their application, never ambiently."""

    def __init__(
        self,
        role: str,
        tenant: str,
        environment: Mapping[str, str],
        *,
        client: httpx.Client | None = None,
    ) -> None:
        self._role, self._tenant, self._client, self._environment = role, tenant, client, environment

    def look(self, account: str, question: Mapping[str, Value]) -> Struct:
        """Return what is there of what a question names.

        Raises:
            EngineError: Azure does not answer, or refuses (code `site_unseen`).
        """
        client = self._client or httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
        try:
            given = token(
                client, tenant=self._tenant, application=self._role, audience=MANAGEMENT, environment=self._environment
            )
            return _Look(client, given, account).seen(dict(question))
        except (AzureRefused, UsageError) as error:
            hint = "let its application read networks and private zones, or sign in again"
            raise EngineError(f"the subscription cannot be looked at: {error}", hint=hint, code="site_unseen") from None
        finally:
            if self._client is None:
                client.close()


class _Look:
    def __init__(self, client: httpx.Client, given: str, subscription: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {given}"}
        self._subscription = f"/subscriptions/{subscription}"

    def seen(self, asked: Struct) -> Struct:
        """Return what is there of what is asked for."""
        found: Struct = {}
        network = str(asked.get("network") or "")
        if network:
            found |= self._network(network)
            found["zones"] = [*self._zones(asked)]
        zone = str(asked.get("zone") or "")
        document = self._get(zone, _ZONE_API) if zone else {}
        if document:
            records = self._listed(f"{zone}/A", _ZONE_API)
            name = zone.rpartition("/")[2].lower()
            found["zone"] = {**document, "networks": [*self._linked(zone)]}
            found["records"] = [_host(str(at(one, "name")), name) for one in records]
        key = str(asked.get("key") or "")
        document = self._get(key, _VAULT_API) if key else {}
        if document:
            found["key"] = document
            found["vault"] = self._get(key.rpartition("/keys/")[0], _VAULT_API)
        if asked.get("isolation"):
            found["isolation"] = at(self._get(f"{self._subscription}{_ISOLATION}", _FEATURE_API), "state")
        return found | self._certificate(str(asked.get("certificate") or ""))

    def _certificate(self, uri: str) -> Struct:
        """Return the vault of a secret, and what Resource Manager says of the secret: never its value."""
        host, _, name = uri.removeprefix("https://").partition("/secrets/")
        vaults = self._listed(f"{self._subscription}/providers/Microsoft.KeyVault/vaults", _VAULT_API) if name else ()
        wanted = host.partition(".")[0].lower()
        vault = next((one for one in vaults if str(at(one, "name")).lower() == wanted), None)
        if vault is None:
            return {}
        secret = self._get(f"{at(vault, 'id')}/secrets/{name}", _VAULT_API)
        return {"certificateVault": vault, **({"certificate": secret} if secret else {})}

    def _network(self, id: str) -> Struct:
        network = self._get(id, _NETWORK_API)
        if not network:
            return {}
        parts = {"groups": "networkSecurityGroup", "tables": "routeTable"}
        found: Struct = {"network": network}
        for key, part in parts.items():
            ids = {str(one) for one in every(network, f"subnets.*.{part}.id")}
            found[key] = [self._get(one, _NETWORK_API) for one in sorted(ids)]
        found["addresses"] = [*self._addresses()]
        return found

    def _addresses(self) -> Iterator[Struct]:
        """Yield who has which address: interfaces, those of private endpoints among them, balancers and gateways."""
        kinds = {
            "networkInterfaces": "ipConfigurations",
            "loadBalancers": "frontendIPConfigurations",
            "applicationGateways": "frontendIPConfigurations",
        }
        for kind, key in kinds.items():
            for item in self._listed(f"{self._subscription}/providers/Microsoft.Network/{kind}", _NETWORK_API):
                for one in every(item, f"{key}.*"):
                    yield {"address": at(one, "privateIPAddress"), "subnet": at(one, "subnet.id")}

    def _zones(self, asked: Struct) -> Iterator[Struct]:
        """Yield the zones of the asked names: of the group that the file names, else of the whole subscription."""
        wanted = {str(one) for one in every(asked, "names.*")}
        where = str(asked.get("privateZones") or "") or self._subscription
        for zone in self._listed(f"{where}{_ZONES}", _ZONE_API):
            if str(at(zone, "name")).lower() in wanted:
                yield {"id": at(zone, "id"), "name": at(zone, "name"), "networks": [*self._linked(str(at(zone, "id")))]}

    def _linked(self, zone: str) -> Iterator[str]:
        for link in self._listed(f"{zone}/virtualNetworkLinks", _ZONE_API):
            yield str(at(link, "virtualNetwork.id"))

    def _get(self, id: str, version: str) -> Struct:
        """Return a document, `{}` where nothing of that id is there."""
        try:
            document = answer(
                self._client, "GET", f"{MANAGEMENT}{id}", headers=self._headers, params={"api-version": version}
            )
        except AzureRefused as error:
            if str(error).endswith("answers 404"):
                return {}
            raise
        return lifted(document)

    def _listed(self, path: str, version: str) -> Iterator[Value]:
        params = {"api-version": version}
        for page in pages(self._client, f"{MANAGEMENT}{path}", headers=self._headers, params=params):
            for item in _rows(page.get("value")):
                yield lifted(item)


def lifted(document: Mapping[str, object]) -> Struct:
    """Return a document of Resource Manager with what is below `properties` lifted, at every depth."""
    flat = {**document}
    inner = flat.pop("properties", None)
    if isinstance(inner, Mapping):
        flat = {**inner, **flat}
    return {str(key): _value(value) for key, value in flat.items()}


def _value(value: object) -> Value:
    if isinstance(value, Mapping):
        return lifted(value)
    if isinstance(value, list):
        return [_value(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else None


def _rows(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _host(record: str, zone: str) -> str:
    return zone if record == "@" else f"{record}.{zone}"
