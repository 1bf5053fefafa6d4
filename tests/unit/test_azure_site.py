"""Networks and zones of others on Azure: what is looked at, refused with a remedy, and frozen."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cellctl.errors import EngineError, GuardError, SpecError
from cellctl.spec import CellSpec
from cellctl.spec.reading import validated
from cellctl.spec.reef import ReefSpec
from cellctl.state.values import Struct
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.site import asked, settle, settled
from cellctl_components.azure.zones import SERVICE_ZONES
from cellctl_provider.azure.sites import FederatedSites, lifted

GROUP = "/subscriptions/s/resourceGroups/rg-hub"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet-hub"
ZONES = f"{GROUP}/providers/Microsoft.Network/privateDnsZones"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-hub"
KEY = f"{VAULT}/keys/cells"
NSG = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg"
TABLE = f"{GROUP}/providers/Microsoft.Network/routeTables/rt"


def spec_of(name: str = "acme", **existing: object) -> CellSpec:
    there = {
        "id": NETWORK, "subnets": [f"{NETWORK}/subnets/nodes"], "databaseSubnets": [f"{NETWORK}/subnets/endpoints"],
        "privateZones": GROUP, **existing,
    }  # fmt: skip
    body = {
        "cloud": "azure", "account": "sandbox", "region": "westeurope", "network": {"existing": there},
        "ingress": {"host": f"{name}.corp.example", "zone": f"{ZONES}/corp.example", "allow": ["10.0.0.0/8"]},
        "protection": {"key": KEY},
    }  # fmt: skip
    return validated({"metadata": {"name": name}, "spec": body})


def rule(name: str, priority: int, source: str, port: str, access: str = "Allow") -> Struct:
    return {
        "name": name, "priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp",
        "sourceAddressPrefix": source, "destinationPortRange": port,
    }  # fmt: skip


def seen() -> Struct:
    """Return what a host sees of a network that fits."""
    return {
        "network": {
            "id": NETWORK,
            "location": "westeurope",
            "subnets": [
                {"name": "nodes", "addressPrefix": "10.1.0.0/25", "natGateway": {"id": "nat"},
                 "networkSecurityGroup": {"id": NSG}, "defaultOutboundAccess": False},
                {"name": "endpoints", "addressPrefix": "10.1.1.0/26", "privateEndpointNetworkPolicies": "Enabled",
                 "networkSecurityGroup": {"id": NSG}},
            ],
        },
        "groups": [{"id": NSG, "securityRules": []}],
        "tables": [],
        "addresses": [],
        "zones": [
            {"id": f"{ZONES}/{name}", "name": name, "networks": [NETWORK.upper()]} for name in SERVICE_ZONES.values()
        ],
        "zone": {"id": f"{ZONES}/corp.example", "networks": [NETWORK]},
        "records": ["other.corp.example"],
        "key": {"id": KEY, "kty": "RSA", "keySize": 3072, "attributes": {"enabled": True},
                "keyUriWithVersion": "https://kv-hub.vault.azure.net/keys/cells/v1"},
        "vault": {"id": VAULT, "enablePurgeProtection": True, "enableRbacAuthorization": True},
    }  # fmt: skip


def codes(spec: CellSpec, answer: Struct, *, exists: bool = False) -> list[str]:
    with pytest.raises(GuardError) as caught:
        settled(asked(spec), answer, exists=exists)
    for one in caught.value.objections:
        assert one.reason
        assert one.remedy
    return [one.code for one in caught.value.objections]


def nodes(answer: Struct) -> Struct:
    return answer["network"]["subnets"][0]  # type: ignore[index,call-overload,return-value]


def endpoints(answer: Struct) -> Struct:
    return answer["network"]["subnets"][1]  # type: ignore[index,call-overload,return-value]


WRONG: dict[str, tuple[str, Callable[[Struct], object]]] = {
    "no network": ("network_missing", lambda answer: answer.pop("network")),
    "another region": ("network_elsewhere", lambda answer: answer["network"].update(location="northeurope")),  # type: ignore[union-attr]
    "no subnet": ("subnet_missing", lambda answer: endpoints(answer).update(name="else")),
    "delegated": (
        "subnet_delegated",
        lambda answer: endpoints(answer).update(delegations=[{"serviceName": "Microsoft.Web/serverFarms"}]),
    ),
    "no way out": ("no_way_out", lambda answer: nodes(answer).pop("natGateway")),
    "a table to nowhere": (
        "no_way_out",
        lambda answer: (
            nodes(answer).update(routeTable={"id": TABLE}),
            answer["tables"].append({"id": TABLE, "routes": [{"addressPrefix": "0.0.0.0/0", "nextHopType": "None"}]}),  # type: ignore[union-attr]
        ),
    ),
    "people kept out": (
        "group_closed",
        lambda answer: answer["groups"][0].update(securityRules=[rule("no-web", 100, "*", "443", "Deny")]),  # type: ignore[index,union-attr]
    ),
    "probes kept out": (
        "group_closed",
        lambda answer: answer["groups"][0].update(  # type: ignore[index,union-attr]
            securityRules=[rule("in", 100, "10.0.0.0/8", "0-65535"), rule("no", 4096, "*", "*", "Deny")]
        ),
    ),
    "full": (
        "subnet_full",
        lambda answer: answer["addresses"].extend(  # type: ignore[union-attr]
            {"address": f"10.1.0.{n}", "subnet": f"{NETWORK}/subnets/nodes"} for n in range(4, 127, 15)
        ),
    ),
    "no service zone": ("zone_missing", lambda answer: answer["zones"].pop()),  # type: ignore[union-attr]
    "unlinked": ("zone_unseen", lambda answer: answer["zones"][0].update(networks=[])),  # type: ignore[index,union-attr]
    "no zone": ("zone_missing", lambda answer: answer.pop("zone")),
    "zone unlinked": ("zone_unseen", lambda answer: answer["zone"].update(networks=["/other"])),  # type: ignore[union-attr]
    "no key": ("key_missing", lambda answer: answer.pop("key")),
    "disabled key": ("key_unusable", lambda answer: answer["key"].update(attributes={"enabled": False})),  # type: ignore[union-attr]
    "elliptic key": ("key_unusable", lambda answer: answer["key"].update(kty="EC")),  # type: ignore[union-attr]
    "purgeable": ("key_vault", lambda answer: answer["vault"].update(enablePurgeProtection=False)),  # type: ignore[union-attr]
    "policies": ("key_vault", lambda answer: answer["vault"].pop("enableRbacAuthorization")),  # type: ignore[union-attr]
    "closed vault": ("key_vault", lambda answer: answer["vault"].update(publicNetworkAccess="Disabled")),  # type: ignore[union-attr]
    "taken": ("record_taken", lambda answer: answer.update(records=["acme.corp.example"])),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_with_a_remedy(case: str) -> None:
    code, spoil = WRONG[case]
    answer = seen()
    spoil(answer)
    assert set(codes(spec_of(), answer)) == {code}


def test_zones_of_its_own_are_refused_where_the_network_has_them() -> None:
    assert codes(spec_of(privateZones=None), seen()) == ["zone_taken"] * 3


def test_a_site_holds_what_a_layout_needs_and_the_layout_stands_on_it() -> None:
    spec = spec_of()
    site = settle(spec, lambda _: seen(), exists=False)
    layout = azure_layout(spec, site=site)
    assert layout.site is not None
    assert layout.site.key is not None
    assert layout.site.key.uri == "https://kv-hub.vault.azure.net/keys/cells/v1"
    assert layout.site.key.server_key == "kv-hub_cells_v1"
    assert (layout.network.existing, layout.network.cidr, layout.ingress.address) == (True, "", "10.1.0.126")
    assert {node.subnet for node in layout.nodes} == {"nodes"}
    assert [node.zone for node in layout.nodes] == ["1", "2"]
    assert [*layout.site.zones] == [*SERVICE_ZONES]
    assert json.loads(json.dumps(site)) == site
    with pytest.raises(SpecError, match="nobody has looked"):
        azure_layout(spec)


def test_cells_take_blocks_in_which_nobody_has_an_address() -> None:
    answer, blocks = seen(), set[str]()
    for name in ("acme", "beta", "gamma", "delta"):
        site = settled(asked(spec_of(name)), copy.deepcopy(answer), exists=False)
        block = str(site["block"])
        assert block not in blocks
        assert not block.endswith(".0/28")
        blocks.add(block)
        first = block.partition("/")[0]
        answer["addresses"].append({"address": first, "subnet": f"{NETWORK}/subnets/NODES"})  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        ({"id": "vnet-hub"}, "must be the id of a virtual network"),
        ({"subnets": [f"{NETWORK}/subnets/a", f"{NETWORK}/subnets/b"]}, "on Azure one spans all zones"),
        ({"subnets": ["/else/subnets/a"]}, "is no subnet of"),
        ({"privateZones": "rg-hub"}, "must be the id of a resource group"),
        ({"gatewayEndpoint": "vpce-1"}, "is for AWS"),
    ],
)
def test_ids_are_refused_before_anybody_looks(existing: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec_of(**existing)


def arm(document: Struct) -> Struct:
    """Return a document as Resource Manager has it."""
    return {key: document.pop(key) for key in ("id", "name", "location") if key in document} | {"properties": document}


class Manager:
    """Resource Manager with the network of `seen`; `asked` is what was read."""

    def __init__(self, tmp: Path) -> None:
        (tmp / "token").write_text("given")
        self.environment = {"AZURE_FEDERATED_TOKEN_FILE": str(tmp / "token")}
        answer, self.asked = seen(), list[str]()
        network = answer["network"]
        assert isinstance(network, dict)
        network["subnets"] = [arm({**one}) for one in network["subnets"]]  # type: ignore[union-attr]
        self.documents = {NETWORK: arm(network), NSG: arm({"id": NSG, "securityRules": [arm(rule("in", 1, "*", "*"))]})}
        self.documents |= {KEY: arm({**seen()["key"]}), VAULT: arm({**seen()["vault"]})}  # type: ignore[dict-item]
        self.documents[f"{ZONES}/corp.example"] = arm({"id": f"{ZONES}/corp.example"})
        self.lists: dict[str, list[Struct]] = {
            f"{GROUP}/providers/Microsoft.Network/privateDnsZones": [
                arm({"id": f"{ZONES}/{name}", "name": name}) for name in (*SERVICE_ZONES.values(), "else.example")
            ],
            "/subscriptions/s/providers/Microsoft.Network/networkInterfaces": [
                arm({"id": "nic", "ipConfigurations": [arm({"privateIPAddress": "10.1.0.9", "subnet": {"id": "x"}})]})
            ],
            "/subscriptions/s/providers/Microsoft.Network/loadBalancers": [],
            "/subscriptions/s/providers/Microsoft.Network/applicationGateways": [
                arm({"frontendIPConfigurations": [arm({"privateIPAddress": "10.1.2.9", "subnet": {"id": "y"}})]})
            ],
            f"{ZONES}/corp.example/A": [arm({"name": "@"}), arm({"name": "other"})],
        }
        for zone in (*SERVICE_ZONES.values(), "corp.example"):
            self.lists[f"{ZONES}/{zone}/virtualNetworkLinks"] = [arm({"virtualNetwork": {"id": NETWORK}})]

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.url.host == "login.microsoftonline.com":
            return httpx.Response(200, json={"access_token": "t"})
        assert request.headers["authorization"] == "Bearer t"
        assert request.url.params["api-version"]
        self.asked.append(path)
        if path in self.lists:
            return httpx.Response(200, json={"value": self.lists[path]})
        found = self.documents.get(path)
        return httpx.Response(200, json=found) if found else httpx.Response(404)

    def reader(self) -> FederatedSites:
        client = httpx.Client(transport=httpx.MockTransport(self.answer))
        return FederatedSites("app", "tenant", self.environment, client=client)


def test_a_real_subscription_is_read_and_judged_as_the_simulated_one(tmp_path: Path) -> None:
    manager, spec = Manager(tmp_path), spec_of()
    answer = manager.reader().look("s", asked(spec).question())
    assert answer["network"] == seen()["network"]
    assert answer["records"] == ["corp.example", "other.corp.example"]
    assert answer["addresses"] == [
        {"address": "10.1.0.9", "subnet": "x"},
        {"address": "10.1.2.9", "subnet": "y"},
    ]
    site = settled(asked(spec), answer, exists=False)
    assert site["zones"] == {group: f"{ZONES}/{name}" for group, name in SERVICE_ZONES.items()}


def test_what_is_not_there_is_absent_and_what_is_forbidden_is_said(tmp_path: Path) -> None:
    manager, spec = Manager(tmp_path), spec_of()
    del manager.documents[NETWORK]
    assert "network" not in manager.reader().look("s", asked(spec).question())
    forbidding = {"login.microsoftonline.com": 200}
    manager.answer = lambda request: httpx.Response(  # type: ignore[method-assign]
        forbidding.get(request.url.host, 403), json={"access_token": "t"}
    )
    with pytest.raises(EngineError) as caught:
        manager.reader().look("s", asked(spec).question())
    assert caught.value.code == "site_unseen"


def test_properties_are_lifted_at_every_depth() -> None:
    assert lifted({"id": "1", "properties": {"a": [{"name": "n", "properties": {"b": 1}}]}}) == {
        "a": [{"b": 1, "name": "n"}], "id": "1",
    }  # fmt: skip


def test_a_reef_is_looked_at_for_its_key_alone() -> None:
    body = {"cloud": "azure", "account": "sandbox", "region": "westeurope", "protection": {"key": KEY}}
    reef = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": body})
    questions: list[object] = []

    def look(question: object) -> Struct:
        questions.append(question)
        return {"key": seen()["key"], "vault": seen()["vault"]}

    site = settle(reef, look, exists=False)
    assert (site["key"], site["keyVersion"], site["network"]) == (KEY, "v1", "")
    (asked_for,) = questions
    assert {name: value for name, value in asked_for.items() if value} == {"region": "westeurope", "key": KEY}  # type: ignore[attr-defined]
    with pytest.raises(GuardError) as refused:
        settle(reef, lambda _question: {}, exists=False)
    assert [one.code for one in refused.value.objections] == ["key_missing"]


CERTIFICATE = "https://kv-hub.vault.azure.net/secrets/web"


def fronted(**ingress: object) -> CellSpec:
    """Return a cell in a network of its own, behind an application gateway."""
    given = {
        "host": "acme.corp.example", "allow": ["10.0.0.0/8"], "balancer": "application_gateway",
        "certificate": CERTIFICATE, **ingress,
    }  # fmt: skip
    body = {"cloud": "azure", "account": "sandbox", "region": "westeurope", "ingress": given}
    return validated({"metadata": {"name": "acme"}, "spec": body})


def vault_seen() -> Struct:
    return {
        "certificateVault": {"id": VAULT, "name": "kv-hub", "enableRbacAuthorization": True},
        "certificate": {"id": f"{VAULT}/secrets/web"},
        "isolation": "Registered",
    }


UNFIT: dict[str, tuple[str, Callable[[Struct], object]]] = {
    "no vault": ("certificate_missing", lambda answer: answer.pop("certificateVault")),
    "no secret": ("certificate_missing", lambda answer: answer.pop("certificate")),
    "policies": ("certificate_vault", lambda answer: answer["certificateVault"].update(enableRbacAuthorization=False)),  # type: ignore[union-attr]
    "closed": ("certificate_vault", lambda answer: answer["certificateVault"].update(publicNetworkAccess="Disabled")),  # type: ignore[union-attr]
    "not registered": ("gateway_unregistered", lambda answer: answer.update(isolation="NotRegistered")),
    "nobody asked": ("gateway_unregistered", lambda answer: answer.pop("isolation")),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_an_application_gateway_lacks_is_refused_with_a_remedy(case: str) -> None:
    code, spoil = UNFIT[case]
    answer = vault_seen()
    spoil(answer)
    assert codes(fronted(), answer) == [code]


def test_a_public_gateway_needs_no_registration_and_a_layout_stands_on_its_vault() -> None:
    public = fronted(exposure="public", allow=["20.30.40.0/24"])
    assert asked(public).question()["isolation"] is False
    site = settled(asked(public), {**vault_seen(), "isolation": ""}, exists=False)
    layout = azure_layout(public, site=site)
    assert layout.site is not None
    assert (layout.site.certificate_vault, layout.site.network) == (VAULT, "")
    opened = {
        **vault_seen()["certificateVault"],
        "publicNetworkAccess": "Disabled",
        "networkAcls": {"bypass": "AzureServices"},
    }  # type: ignore[dict-item]
    settled(asked(public), {**vault_seen(), "certificateVault": opened}, exists=False)


def test_a_record_for_tentacles_that_is_there_already_is_refused() -> None:
    spec = fronted(zone=f"{ZONES}/corp.example")
    zone: Struct = {"zone": {"id": f"{ZONES}/corp.example", "networks": []}}
    assert codes(spec, {**vault_seen(), **zone, "records": ["polling.acme.corp.example"]}) == ["record_taken"]
    settled(asked(spec), {**vault_seen(), **zone, "records": ["polling.acme.corp.example"]}, exists=True)


def test_a_real_subscription_says_what_it_has_of_a_gateway_and_no_secret_is_read(tmp_path: Path) -> None:
    manager, spec = Manager(tmp_path), fronted()
    feature = "EnableApplicationGatewayNetworkIsolation"
    path = f"/subscriptions/s/providers/Microsoft.Features/providers/Microsoft.Network/features/{feature}"
    manager.documents |= {
        f"{VAULT}/secrets/web": arm({"id": f"{VAULT}/secrets/web", "name": "web"}),
        path: arm({"id": path, "state": "Registered"}),
    }
    manager.lists["/subscriptions/s/providers/Microsoft.KeyVault/vaults"] = [
        arm({"id": f"{VAULT}-else", "name": "kv-hub-else"}),
        arm({"id": VAULT, "name": "KV-Hub", "enableRbacAuthorization": True}),
    ]
    site = settle(spec, lambda question: manager.reader().look("s", question), exists=False)
    assert site["certificateVault"] == VAULT
    assert all(one.startswith("/subscriptions/") for one in manager.asked if "vaults" in one)  # Resource Manager alone
    del manager.documents[path]
    assert codes(spec, manager.reader().look("s", asked(spec).question())) == ["gateway_unregistered"]
