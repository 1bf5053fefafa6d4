"""Looks into an Azure subscription before the first cell: identities, zones, images, quotas, states. Changes nothing.

Each application signs in as a run signs in; everything else is asked as the one that only looks. API versions are those
of azure-native 3.29.0 (reference/azure.md 1.13).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from cellctl.errors import UsageError
from cellctl.facts.accounts import Needs, Quota
from cellctl.facts.conditions import at, every
from cellctl.facts.document import to_value
from cellctl.state.values import Value
from cellctl_provider.azure import skus
from cellctl_provider.azure.federation import MANAGEMENT, AzureRefused, answer, token
from cellctl_provider.azure.quotas import AzureQuotas
from cellctl_provider.seen import Seen

_STORAGE, _VAULT = "https://storage.azure.com", "https://vault.azure.net"
_TIMEOUT_S = 20.0
_BLOB_API = "2023-11-03"


def inspect(
    *,
    account: str,
    roles: Mapping[str, str],
    regions: Sequence[str],
    state: str,
    secrets: str,
    needs: Needs,
    tenant: str = "",
    private_zones: str = "",
    environment: Mapping[str, str] | None = None,
    client: httpx.Client | None = None,
) -> Iterator[Seen]:
    """Yield what is there and what is not.

    `account` is the subscription's id, `roles` are client ids by what they are for, the one that only looks first;
    `state` and `secrets` are URLs as `cellctl.yaml` has them, `private_zones` the id of a resource group.
    `environment` proves this machine's identity to Entra.
    """
    asking = client or httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
    try:
        found = [_Asker(asking, account, tenant, role, environment or {}, use) for use, role in roles.items()]
        signed_in = []
        for one in found:
            seen = one.who()
            yield seen
            if seen.level == "ok":
                signed_in.append(one)
        if signed_in:
            yield from _inside(signed_in[0], regions or ("westeurope",), state, secrets, needs)
            if private_zones:
                yield signed_in[0].private_zones(private_zones, needs)
    finally:
        if client is None:
            asking.close()


def _inside(asker: _Asker, regions: Sequence[str], state: str, secrets: str, needs: Needs) -> Iterator[Seen]:
    for region in regions:
        yield asker.zones(region, needs)
        for use, image in needs.images.items():
            yield asker.image(region, use, image)
        for wanted in needs.quotas:
            yield asker.quota(region, wanted)
    yield from asker.state(state)
    yield asker.key(secrets)


class _Asker:
    """Asks about one subscription as one application."""

    def __init__(  # noqa: PLR0917  who asks whom
        self,
        client: httpx.Client,
        subscription: str,
        tenant: str,
        application: str,
        environment: Mapping[str, str],
        use: str,
    ) -> None:
        self._client, self._subscription, self._tenant = client, subscription, tenant
        self._application, self._environment, self._use = application, environment, use
        self._tokens: dict[str, str] = {}
        self._quotas = AzureQuotas(
            client, subscription=subscription, tenant=tenant, application=application, environment=environment
        )

    def who(self) -> Seen:
        """Return whether it signs in, and is let into this subscription."""
        if not self._application:
            remedy = "cellctl account up NAME makes both identities and prints the lines for cellctl.yaml"
            return Seen(subject="role", level="missing", message=f"no role for {self._use} is named", remedy=remedy)
        found, why = self._asked("", "2022-12-01")
        if found is None:
            remedy = "give its identity a federated credential that takes this machine's token, and a role here"
            return Seen(subject="role", level="missing", message=f"{self._use}: {why}", remedy=remedy)
        name, state = at(found, "displayName"), at(found, "state")
        if state != "Enabled":
            message = f"{self._use}: subscription {name} is {state}"
            return Seen(subject="role", level="missing", message=message, remedy="enable it in the portal")
        message = f"{self._use}: application {self._application} in subscription {name} ({self._subscription})"
        return Seen(subject="role", level="ok", message=message)

    def zones(self, region: str, needs: Needs) -> Seen:
        """Return in which zones of a region this subscription can have the machines of nodes."""
        found, why = self._asked(skus.SKUS, skus.SKUS_VERSION, **{"$filter": skus.in_region(region)})
        if found is None:
            return _unseen("zones", f"{region}: {why}")
        offered = {
            str(at(sku, "name")): skus.zones(sku) for sku in every(found, "value") if at(sku, "name") in needs.machines
        }
        short = [size for size in needs.machines if len(offered.get(size, ())) < needs.zones]
        told = "; ".join(f"{size}: {', '.join(offered.get(size, ())) or 'nowhere'}" for size in needs.machines)
        if short:
            remedy = f"ask for {', '.join(short)} in {needs.zones} zones of {region}, or use another region"
            return Seen(subject="zones", level="missing", message=f"{region}: {told}", remedy=remedy)
        return Seen(subject="zones", level="ok", message=f"{region}: {told}")

    def image(self, region: str, use: str, urn: str) -> Seen:
        """Return whether the pinned image (`PUBLISHER:OFFER:SKU:VERSION`) is in a region."""
        publisher, offer, sku, version = urn.split(":")
        path = f"publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions/{version}"
        found, why = self._asked(f"providers/Microsoft.Compute/locations/{region}/{path}", "2024-07-01")
        if found is not None:
            return Seen(subject="image", level="ok", message=f"{region}: {use} {urn}")
        if why.endswith(" 404"):
            message = f"{region} has no image for the {use}: {urn}"
            remedy = "`az vm image list --all` names those that are there; the pinned one is in cellctl/facts"
            return Seen(subject="image", level="missing", message=message, remedy=remedy)
        return _unseen("image", f"{region}: {use}: {why}")

    def quota(self, region: str, wanted: Quota) -> Seen:
        """Return how much of a quota is in use, and whether a cell fits."""
        found = self._quotas.usage(wanted.name, inside="", region=region) or {}
        limit, used, doubt = found.get("limit"), found.get("used"), str(found.get("doubt") or "")
        counted = f"{used} of {limit} are in use" if isinstance(used, int) else f"{limit}"
        message = (
            f"{region}: {wanted.name}: {counted} ({found.get('because')}), and a dedicated cell takes {wanted.cell}"
        )
        if int(str(limit)) - (used if isinstance(used, int) else 0) < wanted.cell:
            return Seen(
                subject="quota", level="missing", message=message, remedy="ask for more in Quotas of the portal"
            )
        if doubt:
            return Seen(subject="quota", level="note", message=f"{message}; not known: {doubt}")
        return Seen(subject="quota", level="ok", message=message)

    def state(self, url: str) -> Iterator[Seen]:
        """Look at the container of states: it is the only copy of what is where, so older versions must be kept."""
        parts = urlsplit(url)
        name = parse_qs(parts.query).get("storage_account", [""])[0]
        if parts.scheme != "azblob" or not name:
            message = f"{url or 'nothing'} is not looked at: it names no container and storage account"
            yield Seen(subject="state", level="note", message=message)
            return
        where = f"container {parts.netloc} of {name}"
        _, why = self._fetched(
            f"https://{name}.blob.core.windows.net/{parts.netloc}", _STORAGE,
            {"restype": "container"}, {"x-ms-version": _BLOB_API},
        )  # fmt: skip
        if why:
            remedy = "cellctl account up makes it, and gives both identities a role on it"
            yield Seen(subject="state", level="missing", message=f"{where}: {why}", remedy=remedy)
            return
        versioned = self._versioned(name)
        if versioned is None:
            yield _unseen("state", f"{where}: whether versions are kept")
        elif versioned:
            yield Seen(subject="state", level="ok", message=f"{where}, versioned")
        else:
            message = f"{where} keeps no versions: a state that is overwritten is lost"
            yield Seen(
                subject="state", level="warning", message=message, remedy="cellctl account up turns versioning on"
            )

    def _versioned(self, name: str) -> bool | None:
        found, _ = self._asked("providers/Microsoft.Storage/storageAccounts", "2024-01-01")
        ids = [str(at(one, "id")) for one in every(found, "value") if at(one, "name") == name] if found else []
        if not ids:
            return None
        service, _ = self._document(f"{MANAGEMENT}{ids[0]}/blobServices/default", "2024-01-01")
        return None if service is None else at(service, "properties.isVersioningEnabled") is True

    def private_zones(self, group: str, needs: Needs) -> Seen:
        """Return whether the group has every zone that new cells link."""
        found, why = self._document(f"{MANAGEMENT}{group}/providers/Microsoft.Network/privateDnsZones", "2024-06-01")
        name = group.rpartition("/")[2]
        if found is None:
            return _unseen("privateZones", f"{name}: {why}")
        there = {str(at(zone, "name")).lower() for zone in every(found, "value")}
        missing = [zone for zone in needs.private_zones if zone not in there]
        if missing:
            return Seen(
                subject="privateZones",
                level="missing",
                message=f"{name} has no private zone {', '.join(missing)}: no new cell would find its services",
                remedy="cellctl account up makes them; or take privateZones out of cellctl.yaml",
            )
        return Seen(subject="privateZones", level="ok", message=f"{len(needs.private_zones)} private zones in {name}")

    def key(self, url: str) -> Seen:
        """Return whether the key that seals states is there and enabled."""
        parts = urlsplit(url)
        if parts.scheme != "azurekeyvault":
            return Seen(
                subject="secrets", level="note", message=f"{url or 'nothing'} is not looked at: it is no key of a vault"
            )
        answered, why = self._fetched(f"https://{parts.netloc}{quote(parts.path)}", _VAULT, {"api-version": "7.4"})
        if answered is None:
            remedy = "cellctl account up makes it, and gives both identities a role on it"
            return Seen(subject="secrets", level="missing", message=f"{parts.netloc}: {why}", remedy=remedy)
        if at(to_value(answered.json()), "attributes.enabled") is not True:
            message = f"the key at {parts.netloc}{parts.path} is disabled: no state can be read"
            return Seen(subject="secrets", level="missing", message=message, remedy="enable it")
        return Seen(
            subject="secrets", level="ok", message=f"key {parts.path.rpartition('/')[2]} of {parts.netloc}: enabled"
        )

    def _asked(self, path: str, version: str, **words: str) -> tuple[Value, str]:
        """Return what Resource Manager says of a path of the subscription, or None and why it does not."""
        url = f"{MANAGEMENT}/subscriptions/{self._subscription}{f'/{path}' if path else ''}"
        return self._document(url, version, **words)

    def _document(self, url: str, version: str, **words: str) -> tuple[Value, str]:
        try:
            headers = {"Authorization": f"Bearer {self._token(MANAGEMENT)}"}
            found = answer(self._client, "GET", url, headers=headers, params={"api-version": version, **words})
        except (AzureRefused, UsageError) as error:
            return None, str(error)
        return to_value(dict(found)), ""

    def _fetched(
        self, url: str, audience: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> tuple[httpx.Response | None, str]:
        """Return what a service of data answers, or None and why it does not."""
        try:
            sent = {"Authorization": f"Bearer {self._token(audience)}", **(headers or {})}
            found = self._client.get(url, params=params, headers=sent)
        except (AzureRefused, UsageError) as error:
            return None, str(error)
        except httpx.HTTPError as error:
            return None, f"it cannot be reached ({type(error).__name__})"
        return (found, "") if found.is_success else (None, f"it answers {found.status_code}")

    def _token(self, audience: str) -> str:
        if audience not in self._tokens:
            self._tokens[audience] = token(
                self._client, tenant=self._tenant, application=self._application, audience=audience,
                environment=self._environment,
            )  # fmt: skip
        return self._tokens[audience]


def _unseen(subject: str, message: str) -> Seen:
    return Seen(subject=subject, level="note", message=f"{message}: not known")
