"""What reefs on Azure and cells on them declare; that no two cells on a reef ever meet; what they take of quotas."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.errors import NotYet, SpecError
from cellctl.facts.capacity import capacity
from cellctl.registry.places import database_name
from cellctl.run.accounts import quotas
from cellctl.spec import CellSpec
from cellctl.spec.reef import ReefSpec
from cellctl.spec.reef_file import dump_reef, loads_reef
from cellctl.spec.reef_rules import refuse_pending_reef
from cellctl_components.azure.addresses import PLACES_OF_HOST
from cellctl_components.azure.layout import AzureLayout, PlaceLayout, azure_layout
from cellctl_components.azure.reef_layout import ReefLayout, reef_layout
from cellctl_components.azure.zones import service_zones

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "resource-names.md"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SANDBOX = AccountFacts(id=SUBSCRIPTION, sandbox=True)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-reef-r1/providers"
SERVER = f"{GROUP}/Microsoft.Sql/servers/sql-reef-r1-1-x"
PLACE = {
    "reef": "r1", "resource_group": "rg-reef-r1", "cidr": "10.64.0.0/16", "allow": ["10.0.0.0/8"], "internal": True,
    "network": f"{GROUP}/Microsoft.Network/virtualNetworks/vnet-reef-r1",
    "zones": {group: f"{GROUP}/Microsoft.Network/privateDnsZones/{group}" for group in service_zones(queued=True)},
    "host": "reef-r1-sql-1", "server": "sql-reef-r1-1-x.database.windows.net", "pool": f"{SERVER}/elasticPools/cells",
    "number": 0, "database": "octo_acme_g1",
}  # fmt: skip
TAKES = {
    "storage.storage-accounts": "storage:StorageAccount",
    "sql.sql-servers": "sql:Server",
    "resources.resource-groups": "resources:ResourceGroup",
    "network.virtual-networks": "network:VirtualNetwork",
    "network.public-addresses": "network:PublicIPAddress",
    "compute.virtual-machines": "compute:VirtualMachine",
    "authorization.role-assignments": "authorization:RoleAssignment",
    "privatedns.private-zones": "privatedns:PrivateZone",
    "monitor.metric-alerts": "monitor:MetricAlert",
}


def cell_spec(name: str = "acme", **body: object) -> CellSpec:
    given = {"cloud": "azure", "account": "sandbox", "region": "westeurope", "placement": {"reef": "r1"}, **body}
    return CellSpec.model_validate({"metadata": {"name": name}, "spec": given})


def placed(number: int = 0, **body: object) -> AzureLayout:
    return azure_layout(cell_spec(**body), place={**PLACE, "number": number})


def reef_spec(**body: object) -> ReefSpec:
    given = {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}
    return ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": given})


def reef(**body: object) -> ReefLayout:
    return reef_layout(reef_spec(**body))


@pytest.fixture(scope="module")
def cell(record):
    return record(declaring(load("azure"), Wanted(level="cell", spec=cell_spec().to_json(), place=PLACE), SANDBOX))


@pytest.fixture(scope="module")
def shared(record):
    return record(declaring(load("azure"), Wanted(level="reef", spec=reef_spec().to_json()), SANDBOX))


def test_a_cell_on_a_reef_declares_no_network_server_or_zone_of_services(cell) -> None:
    found = Counter(each.type.removeprefix("azure-native:") for each in cell.all)
    for absent in ("network:VirtualNetwork", "network:NatGateway", "sql:Server", "sql:ElasticPool"):
        assert found[absent] == 0
    once = ("sql:Database", "storage:StorageAccount", "keyvault:Vault", "network:LoadBalancer")
    assert {found[one] for one in (*once, "network:NetworkSecurityGroup")} == {1}
    (zone,) = cell.of("PrivateZone")
    assert zone.plain["privateZoneName"] == "acme.octopus.internal"
    assert found["network:PrivateEndpoint"] == 2


def test_its_database_is_in_the_pool_and_nothing_else_of_the_reefs_server_is_its_own(cell) -> None:
    database = cell.named("acme-database-database").plain
    assert (database["serverName"], database["resourceGroupName"]) == ("sql-reef-r1-1-x", "rg-reef-r1")
    assert database["elasticPoolId"] == PLACE["pool"]
    assert not {"sku", "zoneRedundant"} & set(database)
    assert cell.named("acme-database-database").request.protect
    assert cell.named("acme-database-lock").plain["scope"] == "/id/acme-database-database"
    (access,) = [each for each in cell.all if each.type == "cellctl:sql:CellDatabase"]
    assert (access.plain["server"], access.plain["database"]) == (PLACE["server"], "octo_acme_g1")
    of_server = [each for each in cell.all if each.plain.get("serverName") and each.type != "cellctl:sql:CellDatabase"]
    assert {each.plain["databaseName"] for each in of_server} == {"octo_acme_g1"}


def test_interfaces_carry_the_cells_own_group_which_admits_its_ranges_and_the_probe(cell) -> None:
    for each in cell.of("NetworkInterface"):
        assert each.plain["networkSecurityGroup"] == {"id": "/id/acme-network-nodes-nsg"}
    rules = cell.named("acme-network-nodes-nsg").plain["securityRules"]
    assert [(rule["name"], rule["access"]) for rule in rules][-1] == ("deny-rest", "Deny")
    sources = {tuple(rule.get("sourceAddressPrefixes") or [rule["sourceAddressPrefix"]]) for rule in rules[:-1]}
    assert sources == {("10.0.0.0/8",), ("AzureLoadBalancer",)}


def test_a_place_is_made_of_what_the_reef_says(shared) -> None:
    (host,) = shared.outputs["hosts"]
    said = {**shared.outputs["place"], **host["place"]}
    always = {one.name for one in fields(PlaceLayout) if one.default is MISSING and one.default_factory is MISSING}
    assert {*said, "database"} - {"gateways"} == always == {*PLACE}
    assert shared.outputs["gateways"] == []
    assert database_name("acme-eu") == "octo_acme_eu_g1"


def test_users_with_a_password_are_for_reefs_whose_servers_take_them(record, shared) -> None:
    assert shared.named("reef-r1-sql-1-server").plain["administrators"]["azureADOnlyAuthentication"] is True
    asked = reef_spec(database={"authentication": "sql"}).to_json()
    open_to = record(declaring(load("azure"), Wanted(level="reef", spec=asked), SANDBOX))
    server = open_to.named("reef-r1-sql-1-server")
    assert server.plain["administrators"]["azureADOnlyAuthentication"] is False
    assert server.inputs["administratorLoginPassword"] != server.plain["administratorLoginPassword"]  # it is sealed
    assert "administratorLoginPassword" in server.request.ignoreChanges
    (host,) = open_to.outputs["hosts"]
    assert host["place"]["passwords"] is True
    spec = cell_spec(database={"authentication": "sql", "passwordTurn": 2}).to_json()
    with pytest.raises(SpecError, match="the servers of reef 'r1' take identities alone"):
        declaring(load("azure"), Wanted(level="cell", spec=spec, place=PLACE), SANDBOX)()
    place = {**PLACE, "passwords": True}
    cell = record(declaring(load("azure"), Wanted(level="cell", spec=spec, place=place), SANDBOX))
    access = cell.named("acme-database-access").plain
    assert (access["login"], access["formerLogin"]) == ("octo_acme_b", "octo_acme_a")
    assert access["loginSecret"].endswith("/secrets/octopus-database-password-2")
    assert access["server"] == PLACE["server"]
    assert not {"identity", "identityClientId", "loginPassword", "administrator"} & set(access)
    assert cell.outputs["database"]["login"] == "octo_acme_b"


def test_a_cell_with_a_queue_and_grpc_finds_the_reef_ready_for_both(record, shared) -> None:
    spec = cell_spec(ingress={"polling": "redis", "grpc": True}).to_json()
    queued = record(declaring(load("azure"), Wanted(level="cell", spec=spec, place=PLACE), SANDBOX))
    zone = queued.named("acme-queue-endpoint-dns").plain["privateDnsZoneConfigs"][0]["privateDnsZoneId"]
    assert zone == PLACE["zones"]["redisEnterprise"]
    endpoints = {rule["name"]: rule for rule in shared.named("reef-r1-network-endpoints-nsg").plain["securityRules"]}
    assert "10000" in endpoints["in-nodes"]["destinationPortRanges"]
    nodes = {rule["name"]: rule for rule in shared.named("reef-r1-network-nodes-nsg").plain["securityRules"]}
    assert nodes["in-grpc"]["destinationPortRanges"] == ["8443"]
    assert {"80", "8443", "10943"} <= set(nodes["in-probe"]["destinationPortRanges"])
    assert set(shared.outputs["place"]["zones"]) == set(PLACE["zones"])


def test_a_cell_with_a_queue_waits_for_a_reef_that_has_a_zone_for_it() -> None:
    older = {**PLACE, "zones": {group: zone for group, zone in PLACE["zones"].items() if group != "redisEnterprise"}}
    assert azure_layout(cell_spec(), place=older).queue is None
    with pytest.raises(SpecError, match="before reefs had a private zone for queues") as refused:
        azure_layout(cell_spec(ingress={"polling": "redis"}), place=older)
    assert [(one.field, one.hint) for one in refused.value.problems] == [
        ("spec.ingress.polling", "cellctl reef up r1, which adds it")
    ]


WEB = {"balancer": "application_gateway", "certificate": "https://kv-hub.vault.azure.net/secrets/web"}
VAULT = {
    "network": "",
    "certificateVault": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub",
}


def test_a_cell_behind_a_gateway_finds_the_reefs_subnet_for_them_and_admits_that_alone(record, shared) -> None:
    place = {**PLACE, "gateways": shared.outputs["place"]["gateways"]}
    wanted = Wanted(level="cell", spec=cell_spec(ingress=WEB).to_json(), place={**place, "number": 3}, site=VAULT)
    behind = record(declaring(load("azure"), wanted, SANDBOX))
    gateway = behind.named("acme-web-gateway").plain
    assert gateway["gatewayIPConfigurations"][0]["subnet"]["id"] == f"{PLACE['network']}/subnets/gateway"
    (frontend,) = gateway["frontendIPConfigurations"]
    cidr = ipaddress.IPv4Network(place["gateways"])
    assert frontend["privateIPAddress"] == str(cidr.broadcast_address - 1 - 3)
    own = {rule["name"]: rule for rule in behind.named("acme-network-nodes-nsg").plain["securityRules"]}
    assert own["in-https"]["sourceAddressPrefixes"] == [place["gateways"]]
    subnets = shared.named("reef-r1-network-vnet").plain["subnets"]
    assert [one["name"] for one in subnets] == ["ingress", "endpoints", "nodes-1", "nodes-2", "nodes-3", "gateway"]
    assert subnets[-1]["delegations"][0]["serviceName"] == "Microsoft.Network/applicationGateways"
    reefs = {rule["name"]: rule for rule in shared.named("reef-r1-network-nodes-nsg").plain["securityRules"]}
    assert reefs["in-https"]["sourceAddressPrefixes"] == ["10.0.0.0/8"]  # the gateways' range is inside
    assert "80" in reefs["in-probe"]["destinationPortRanges"]  # of cells behind a balancer


def test_a_public_reef_admits_its_gateways_to_nodes_and_carries_public_ones_alone(record) -> None:
    spec = reef_spec(ingress={"exposure": "public", "allow": ["20.30.40.0/24"]}).to_json()
    public = record(declaring(load("azure"), Wanted(level="reef", spec=spec), SANDBOX))
    cidr = public.outputs["place"]["gateways"]
    rules = {rule["name"]: rule for rule in public.named("reef-r1-network-nodes-nsg").plain["securityRules"]}
    assert rules["in-https"]["sourceAddressPrefixes"] == ["20.30.40.0/24", cidr]
    assert "delegations" not in public.named("reef-r1-network-vnet").plain["subnets"][-1]
    managed = {rule["name"] for rule in public.named("reef-r1-network-gateway-nsg").plain["securityRules"]}
    assert "in-managers" in managed
    place = {**PLACE, "internal": False, "gateways": cidr}
    with pytest.raises(SpecError, match="gateways on reef 'r1', which is public, have public addresses"):
        azure_layout(cell_spec(ingress=WEB), place=place, site=VAULT)


def test_a_cell_behind_a_gateway_waits_for_a_reef_that_has_a_subnet_for_it() -> None:
    with pytest.raises(SpecError, match="reef 'r1' has no subnet for them") as refused:
        azure_layout(cell_spec(ingress=WEB), place=PLACE, site=VAULT)
    assert refused.value.problems[0].hint.startswith("cellctl reef up r1 adds one")


KEY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub/keys/cells"
SEEN = {"network": "", "key": KEY, "keyVersion": "v1"}


def test_a_key_of_others_seals_the_databases_of_a_reef(record) -> None:
    spec = reef_spec(protection={"key": KEY}, database={"hosts": 2}).to_json()
    sealed = record(declaring(load("azure"), Wanted(level="reef", spec=spec, site=SEEN), SANDBOX))
    for number in (1, 2):
        server = sealed.named(f"reef-r1-sql-{number}-server")
        assert server.plain["keyId"] == "https://kv-hub.vault.azure.net/keys/cells/v1"
        assert server.plain["primaryUserAssignedIdentityId"] == "/id/reef-r1-sealing"
        assert "reef-r1-sealing-key" in sealed.dependencies(server)
        follows = sealed.named(f"reef-r1-sql-{number}-protector").plain
        assert (follows["serverKeyName"], follows["autoRotationEnabled"]) == ("kv-hub_cells_v1", True)
    assert sealed.named("reef-r1-sealing-key").plain["scope"] == KEY
    assert sealed.named("reef-r1-sealing").request.protect
    with pytest.raises(SpecError, match="nobody has looked yet at what"):
        reef_layout(reef_spec(protection={"key": KEY}))


def test_a_key_of_others_seals_the_database_of_one_cell_alone(record, cell) -> None:
    spec = cell_spec(protection={"key": KEY}).to_json()
    wanted = Wanted(level="cell", spec=spec, place=PLACE, site=SEEN)
    sealed = record(declaring(load("azure"), wanted, SANDBOX))
    database = sealed.named("acme-database-database")
    assert database.plain["encryptionProtector"] == "https://kv-hub.vault.azure.net/keys/cells/v1"
    assert database.plain["encryptionProtectorAutoRotation"] is True
    assert database.plain["identity"] == {"type": "UserAssigned", "userAssignedIdentities": ["/id/acme-sealing"]}
    assert "acme-sealing-key" in sealed.dependencies(database)
    assert "encryptionProtector" in database.request.ignoreChanges  # it turns to newer versions by itself
    assert sealed.named("acme-files-account").plain["encryption"]["keySource"] == "Microsoft.Keyvault"
    assert not [each for each in sealed.all if each.type.endswith(("EncryptionProtector", ":Server"))]
    assert "encryptionProtector" not in cell.named("acme-database-database").plain


def test_a_reef_locks_its_pool_and_never_the_server_below_which_cells_delete(shared) -> None:
    scopes = {each.plain["scope"] for each in shared.of("ManagementLockByScope")}
    assert "/id/reef-r1-sql-1-pool" in scopes
    assert "/id/reef-r1-sql-1-server" not in scopes
    server, pool = shared.named("reef-r1-sql-1-server"), shared.named("reef-r1-sql-1-pool")
    assert server.request.protect
    assert pool.request.protect
    assert (server.plain["publicNetworkAccess"], pool.plain["zoneRedundant"]) == ("Disabled", True)
    assert pool.plain["perDatabaseSettings"] == {"minCapacity": 0, "maxCapacity": 2}


def test_cells_on_a_reef_never_share_an_address_and_every_host_has_places_for_its_databases() -> None:
    taken: dict[str, str] = {}
    for number in (*range(8), PLACES_OF_HOST - 1, PLACES_OF_HOST, 10 * PLACES_OF_HOST - 1):
        plan = placed(number, nodes={"count": 8})
        ranges = {subnet.name: ipaddress.IPv4Network(subnet.cidr) for subnet in plan.network.node_subnets}
        for node in plan.nodes:
            assert node.address not in taken, f"{node.name} of {number} has the address of {taken[node.address]}"
            taken[node.address] = f"{node.name} of {number}"
            assert ipaddress.IPv4Address(node.address) in ranges[node.subnet]
        assert plan.ingress.address not in taken
        taken[plan.ingress.address] = f"way into {number}"
        assert ipaddress.IPv4Address(plan.ingress.address) in ipaddress.IPv4Network(plan.network.ingress_cidr)
    assert [host.first for host in reef(database={"hosts": 3}).hosts] == [0, PLACES_OF_HOST, 2 * PLACES_OF_HOST]
    assert max(capacity("azure").databases.values()) <= PLACES_OF_HOST
    assert {(host.size, host.mode) for host in reef(database={"tier": "large"}).hosts} <= set(
        capacity("azure").databases
    )


@pytest.mark.parametrize("place", [None, {}, {key: value for key, value in PLACE.items() if key != "pool"}])
def test_a_cell_without_a_whole_place_is_refused(place: Mapping[str, object] | None) -> None:
    with pytest.raises(SpecError, match="no place on a reef"):
        azure_layout(cell_spec(), place=place)  # type: ignore[arg-type]


def test_a_cell_cannot_be_reached_from_where_its_reef_admits_nobody() -> None:
    narrow = {**PLACE, "allow": ["10.1.0.0/16"]}
    assert azure_layout(cell_spec(ingress={"allow": ["10.1.2.0/24"]}), place=narrow).ingress.allow == ("10.1.2.0/24",)
    public = cell_spec(ingress={"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"})
    with pytest.raises(SpecError) as refused:
        azure_layout(public, place=narrow)
    assert [problem.field for problem in refused.value.problems] == ["spec.ingress.exposure", "spec.ingress.allow"]
    wide = {**PLACE, "allow": ["20.0.0.0/8"], "internal": False}
    assert azure_layout(public, place=wide).ingress.exposure == "public"


def test_a_reef_file_of_azure_says_nothing_that_would_mean_nothing() -> None:
    text = dump_reef(reef_spec())
    assert loads_reef(text) == reef_spec()
    assert not [word for word in ("storage", "gateways", "retentionDays", "portsPerCell") if word in text]
    wrong = text.replace("hosts: 1", "hosts: 1, retentionDays: 7").replace("  network:", "  storage: {}\n  network:")
    with pytest.raises(SpecError) as refused:
        loads_reef(wrong)
    assert {problem.field for problem in refused.value.problems} == {"spec.storage", "spec.database.retentionDays"}
    with pytest.raises(SpecError, match="no room for the nodes of 192 cells"):
        reef(database={"hosts": 3}, network={"cidr": "10.64.0.0/20"})
    with pytest.raises(SpecError, match="must be the id of a key in Key Vault"):
        loads_reef(text.replace("deletion: true", "deletion: true, key: 'https://kv.vault.azure.net/keys/k'"))
    with pytest.raises(SpecError, match="has no availability zones"):
        reef(region="westus")
    with pytest.raises(NotYet, match="own load balancer"):
        refuse_pending_reef(reef_spec(ingress={"shared": True}))


def test_what_a_cell_and_a_reef_take_of_quotas_is_what_their_programs_declare(record, cell, shared) -> None:
    own = {"placement": "dedicated"}
    alone = record(declaring(load("azure"), Wanted(level="cell", spec=cell_spec(**own).to_json()), SANDBOX))
    two = record(
        declaring(load("azure"), Wanted(level="reef", spec=reef_spec(database={"hosts": 2}).to_json()), SANDBOX)
    )
    takes = {one.quota: one for one in capacity("azure").takes}
    assert set(takes) == set(TAKES)
    for quota, kind in TAKES.items():
        counted = [len(found.of(kind.partition(":")[2])) for found in (alone, cell, shared, two)]
        one = takes[quota]
        assert counted == [one.dedicated, one.reef, one.base + one.host, one.base + 2 * one.host], quota


def test_storage_accounts_run_out_first() -> None:
    found = {fit.quota: fit for fit in quotas("azure", 300, "reef")}
    assert {name: fit.breaks_at for name, fit in found.items() if fit.breaks_at} == {"storage.storage-accounts": 251}
    assert (found["sql.sql-servers"].needed, found["network.public-addresses"].needed) == (12, 18)
    assert found["monitor.metric-alerts"].needed == 300 * 15 + 6 * 3 + 12 * 3, "close to 5,000, which nobody raises"
    alone = {fit.quota: fit.breaks_at for fit in quotas("azure", 300, "dedicated")}
    assert [alone[name] for name in ("storage.storage-accounts", "sql.sql-servers", "privatedns.private-zones")] == [
        251
    ] * 3


def _rows(found, owner: str, word: str) -> list[str]:
    """Return a line of the document for each name, with Z for a zone and N for a host or node."""
    names = set()
    for each in found.all:
        name = re.sub(rf"^{owner}(?=-|$)", word, each.name)
        name = re.sub(r"-(nat|nat-exhausted)-\d", r"-\1-Z", re.sub(r"-sql-\d", "-sql-N", name))
        name = re.sub(r"-(node|machine-down)-\d", r"-\1-N", re.sub("-(share-full)-[a-z]+$", r"-\1-KIND", name))
        names.add((name, each.type, f"| `{name}` | `{each.type}` | {'yes' if each.request.protect else ''} |"))
    return [row for _, _, row in sorted(names)]


def test_names_are_public_and_a_cell_on_a_reef_has_those_of_a_cell_alone(cell, shared) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("<!-- azure reef: begin -->")[2].partition("<!-- azure reef: end -->")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == _rows(shared, "reef-r1", "REEF")
    alone = text.partition("<!-- azure: begin -->")[2].partition("<!-- azure: end -->")[0].splitlines()
    assert [row for row in _rows(cell, "acme", "CELL") if row not in alone] == []


def test_backups_of_a_database_in_a_pool_are_kept_for_long_where_its_file_says_so(cell, record) -> None:
    assert cell.of("LongTermRetentionPolicy") == []
    spec = cell_spec(database={"longTerm": {"weeks": 12, "years": 7}}).to_json()
    asked = record(declaring(load("azure"), Wanted(level="cell", spec=spec, place=PLACE), SANDBOX))
    (policy,) = asked.of("LongTermRetentionPolicy")
    database = asked.named("acme-database-database").plain
    kept = {key: policy.plain[key] for key in ("weeklyRetention", "monthlyRetention", "yearlyRetention")}
    assert kept == {"weeklyRetention": "P12W", "monthlyRetention": "PT0S", "yearlyRetention": "P7Y"}
    for key in ("serverName", "databaseName", "resourceGroupName"):
        assert policy.plain[key] == database[key]
    assert policy.request.protect
    assert policy.name in asked.dependencies(asked.named("acme-database-lock"))
