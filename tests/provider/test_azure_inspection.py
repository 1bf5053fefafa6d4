"""A look into an Azure subscription, against its services as they answer: what is there, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from cellctl.doctor import account as doctor
from cellctl.facts.accounts import needs
from cellctl.facts.permissions import looks, merged, permissions
from cellctl.home import Home
from cellctl_components.azure.zones import service_zones
from cellctl_provider.azure.inspection import inspect
from cellctl_provider.seen import Seen

SUBSCRIPTION, TENANT = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-000000000000"
ROLES = {"preview": "aaaaaaaa-0000-4000-8000-000000000001", "apply": "aaaaaaaa-0000-4000-8000-000000000002"}
STATE = "azblob://states?storage_account=stcellctl"
KEY = "azurekeyvault://kv-cellctl.vault.azure.net/keys/pulumi-states"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
ACCOUNT = f"{SCOPE}/resourceGroups/rg-cellctl/providers/Microsoft.Storage/storageAccounts/stcellctl"
ZONES = f"{SCOPE}/resourceGroups/rg-cellctl"


class Azure:
    """Services of one subscription; a test changes what they have, and `asked` says what was."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.without: set[str] = set()
        self.refused: set[str] = set()
        self.documents: dict[str, object] = {
            SCOPE: {"displayName": "Cells", "state": "Enabled"},
            f"{SCOPE}/providers/Microsoft.Compute/skus": {
                "value": [self.sku(size) for size in needs("azure").machines]
            },
            f"{SCOPE}/providers/Microsoft.Storage/storageAccounts": {"value": [{"name": "stcellctl", "id": ACCOUNT}]},
            f"{ACCOUNT}/blobServices/default": {"properties": {"isVersioningEnabled": True}},
            f"{ZONES}/providers/Microsoft.Network/privateDnsZones": {
                "value": [{"name": name} for name in needs("azure").private_zones]
            },
            "/states": {},
            "/keys/pulumi-states": {"key": {"kty": "RSA"}, "attributes": {"enabled": True}},
        }

    @staticmethod
    def sku(name: str, zones: tuple[str, ...] = ("1", "2", "3"), *closed: str) -> dict[str, object]:
        restrictions = [{"type": "Zone", "restrictionInfo": {"zones": list(closed)}}] if closed else []
        return {"name": name, "locationInfo": [{"zones": list(zones)}], "restrictions": restrictions}

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.url.host == "login.microsoftonline.com":
            (application,) = parse_qs(request.content.decode())["client_id"]
            return httpx.Response(401 if application in self.refused else 200, json={"access_token": application})
        self.asked.append(f"{request.headers['authorization'].removeprefix('Bearer ')} {path}")
        if "usages" in path:
            names = ("VirtualNetworks", "PublicIPAddresses", "virtualMachines", "StorageAccounts")
            value = [{"name": {"value": name}, "currentValue": 3, "limit": 20} for name in names]
            value.append({"name": "ServerQuota", "properties": {"currentValue": 3, "limit": 20}})
            return httpx.Response(200, json={"value": value})
        if "roleAssignmentsUsageMetrics" in path:
            return httpx.Response(200, json={"roleAssignmentsCurrentCount": 3, "roleAssignmentsLimit": 4000})
        if path == f"{SCOPE}/providers/Microsoft.Network/privateDnsZones" or path.endswith("/resourcegroups"):
            return httpx.Response(200, json={"value": [{}] * 3})
        if "/versions/" in path and not [one for one in self.without if one in path]:
            return httpx.Response(200, json={"id": path})
        found = self.documents.get(path)
        return httpx.Response(404, json={"error": {}}) if found is None else httpx.Response(200, json=found)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.answer))


@pytest.fixture
def azure() -> Azure:
    return Azure()


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "assertion").write_text("proof")
    return {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "assertion")}


def look(azure: Azure, environment: Mapping[str, str], **other: object) -> list[Seen]:
    given = {"roles": ROLES, "state": STATE, "secrets": KEY, "needs": needs("azure"), "private_zones": ZONES, **other}
    with azure.client() as client:
        return list(
            inspect(
                account=SUBSCRIPTION, regions=("westeurope",), tenant=TENANT, environment=environment, client=client,
                **given,  # type: ignore[arg-type]
            )
        )  # fmt: skip


def levels(seen: list[Seen], subject: str) -> list[str]:
    return [one.level for one in seen if one.subject == subject]


def test_a_subscription_that_has_everything(azure: Azure, environment: Mapping[str, str]) -> None:
    seen = look(azure, environment)
    assert [(one.subject, one.message) for one in seen if one.level != "ok"] == []
    assert levels(seen, "role") == ["ok", "ok"]
    assert len(levels(seen, "quota")) == len(needs("azure").quotas)
    said = [one.message for one in seen]
    assert "westeurope: storage.storage-accounts: 3 of 20 are in use (Azure Resource Manager tells it), and a dedicated cell takes 1" in said  # fmt: skip # noqa: E501
    assert "container states of stcellctl, versioned" in said
    assert "key pulumi-states of kv-cellctl.vault.azure.net: enabled" in said
    others = [line for line in azure.asked if not line.startswith(ROLES["preview"])]
    assert others == [f"{ROLES['apply']} {SCOPE}"], "everything but who it is is asked as the one that only looks"


def test_what_is_missing_is_said_with_a_remedy(azure: Azure, environment: Mapping[str, str]) -> None:
    small, medium, _ = needs("azure").machines
    azure.documents[f"{SCOPE}/providers/Microsoft.Compute/skus"] = {
        "value": [azure.sku(small, ("1", "2", "3"), "2"), azure.sku(medium)]
    }
    azure.without.add("ubuntu")
    zones = azure.documents[f"{ZONES}/providers/Microsoft.Network/privateDnsZones"]
    zones["value"] = [one for one in zones["value"] if "vault" not in one["name"]]  # type: ignore[index]
    azure.documents[f"{ACCOUNT}/blobServices/default"] = {"properties": {"isVersioningEnabled": False}}
    azure.documents["/keys/pulumi-states"] = {"attributes": {"enabled": False}}
    few = tuple(replace(quota, cell=18) for quota in needs("azure").quotas if quota.name == "sql.sql-servers")
    seen = look(azure, environment, needs=replace(needs("azure"), quotas=few))
    wrong = {one.subject: one for one in seen if one.level in ("missing", "warning")}
    assert set(wrong) == {"zones", "image", "quota", "state", "secrets", "privateZones"}
    assert "rg-cellctl has no private zone privatelink.vaultcore.azure.net:" in wrong["privateZones"].message
    assert f"{small}: 1, 3; {medium}: 1, 2, 3; Standard_D8s_v5: nowhere" in wrong["zones"].message
    assert "has no image for the linux-node: Canonical:ubuntu" in wrong["image"].message
    assert all(one.remedy for one in wrong.values())
    del azure.documents["/states"], azure.documents["/keys/pulumi-states"]
    seen = look(azure, environment)
    assert (levels(seen, "state"), levels(seen, "secrets")) == (["missing"], ["missing"])


def test_an_identity_that_is_let_in_nowhere_or_named_nowhere(azure: Azure, environment: Mapping[str, str]) -> None:
    azure.refused.add(ROLES["apply"])
    seen = look(azure, environment)
    assert levels(seen, "role") == ["ok", "missing"]
    assert "login.microsoftonline.com answers 401" in next(one.message for one in seen if one.level == "missing")
    azure.documents[SCOPE] = {"displayName": "Cells", "state": "Disabled"}
    assert [one.message for one in look(azure, environment, roles={"preview": ROLES["preview"]})] == [
        "preview: subscription Cells is Disabled"
    ]
    nobody = look(azure, environment, roles={"preview": "", "apply": ""})
    assert [(one.level, "cellctl account up" in one.remedy) for one in nobody] == [("missing", True)] * 2
    unsigned = look(azure, {})
    assert all("AZURE_FEDERATED_TOKEN_FILE is not set" in one.message for one in unsigned)
    assert len(unsigned) == 2


def test_the_zones_that_are_looked_for_are_those_that_cells_link() -> None:
    assert set(needs("azure").private_zones) == set(service_zones(queued=True).values())


def test_whoever_only_looks_may_ask_for_all_of_this() -> None:
    may = set(merged((looks("azure"), *permissions("azure").values())).read)
    assert {
        "Microsoft.Compute/skus/read", "Microsoft.Storage/storageAccounts/read",
        "Microsoft.Resources/subscriptions/read", "Microsoft.Network/privateDnsZones/read",
        "Microsoft.Storage/storageAccounts/blobServices/read",
        "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
    } <= may  # fmt: skip


def test_doctor_looks_with_the_identity_of_whoever_calls(
    azure: Azure, environment: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cellctl.yaml").write_text(
        "apiVersion: cellctl/v1\nkind: Home\naccounts:\n"
        f'  prod: {{cloud: azure, id: "{SUBSCRIPTION}", tenant: "{TENANT}", administrators: "{TENANT}",'
        f' privateZones: "{ZONES}", regions: [westeurope], state: "{STATE}", secrets: "{KEY}",'
        f' apply: {{role: "{ROLES["apply"]}"}}, preview: {{role: "{ROLES["preview"]}"}}}}\n'
    )
    (tmp_path / "bin").mkdir()

    def asked(**given: object):
        with azure.client() as client:
            yield from inspect(**given, client=client)  # type: ignore[arg-type]

    monkeypatch.setattr(doctor, "resolve_name", lambda _target: asked)
    found = doctor.examine_account(Home(tmp_path), "prod", environment={**environment, "PATH": str(tmp_path / "bin")})
    mine = [
        one for one in found if one.subject in ("role", "zones", "image", "quota", "state", "secrets", "privateZones")
    ]
    assert {one.level for one in mine} == {"ok"}
    assert len(mine) == 2 + 1 + 2 + len(needs("azure").quotas) + 3
    assert "no cell is up there yet" in found[-1].message
