"""One default cell on Azure as it is declared: types, parents, providers, protection, rules, order, secret paths."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable

import pulumi
import pytest

from cellctl import facts as cloud_facts
from cellctl.clouds import AccountFacts, load
from cellctl.errors import UsageError
from cellctl.facts.promises import promises, unkept
from cellctl.spec import CellSpec
from cellctl_components.azure import facts as azure_facts
from cellctl_components.azure.bootstrap import decode

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SANDBOX = AccountFacts(id=SUBSCRIPTION, sandbox=True)


def program_of(account: AccountFacts = SANDBOX, **body: object) -> Callable[[], None]:
    cloud = load("azure")
    spec = CellSpec.model_validate(
        {"metadata": {"name": "acme"}, "spec": {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}}
    )
    layout = cloud.layout(spec)
    return lambda: cloud.program(layout, account)


@pytest.fixture(scope="module")
def cell(record):
    return record(program_of())


@pytest.fixture(scope="module")
def public(record):
    ingress = {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"}
    return record(program_of(ingress=ingress, nodes={"count": 3, "roles": ["both", "ui", "worker"]}))


def test_the_cell_is_made_of_these(cell) -> None:
    assert Counter(each.type for each in cell.all) == {
        "pulumi:providers:azure-native": 1,
        "pulumi:providers:cellctl": 1,
        "cells:azure:Cell": 1,
        "cells:azure:Network": 1,
        "cells:azure:Secrets": 1,
        "cells:azure:SqlServer": 1,
        "cells:azure:FileShares": 1,
        "cells:azure:Ingress": 1,
        "cells:azure:Nodes": 1,
        "cells:azure:Alarms": 1,
        "cellctl:files:FolderTree": 1,
        "cellctl:octopus:MasterKey": 1,
        "cellctl:octopus:Administrator": 1,
        "cellctl:octopus:Node": 2,
        "azure-native:keyvault:Secret": 1,
        "cellctl:sql:CellDatabase": 1,
        "azure-native:resources:ResourceGroup": 1,
        "azure-native:managedidentity:UserAssignedIdentity": 1,
        "azure-native:operationalinsights:Workspace": 1,
        "azure-native:network:NetworkSecurityGroup": 2,
        "azure-native:network:PublicIPAddress": 2,
        "azure-native:network:NatGateway": 2,
        "azure-native:network:VirtualNetwork": 1,
        "azure-native:network:PrivateEndpoint": 3,
        "azure-native:network:PrivateDnsZoneGroup": 3,
        "azure-native:network:LoadBalancer": 1,
        "azure-native:network:NetworkInterface": 2,
        "azure-native:privatedns:PrivateZone": 4,
        "azure-native:privatedns:VirtualNetworkLink": 4,
        "azure-native:privatedns:PrivateRecordSet": 1,
        "azure-native:sql:Server": 1,
        "azure-native:sql:Database": 1,
        "azure-native:sql:BackupShortTermRetentionPolicy": 1,
        "azure-native:sql:DatabaseAdvisor": 2,
        "azure-native:sql:ExtendedServerBlobAuditingPolicy": 1,
        "azure-native:storage:StorageAccount": 1,
        "azure-native:storage:FileServiceProperties": 1,
        "azure-native:storage:FileShare": 5,
        "azure-native:keyvault:Vault": 1,
        "azure-native:authorization:RoleAssignment": 3,
        "azure-native:authorization:ManagementLockByScope": 6,
        "azure-native:compute:VirtualMachine": 2,
        "azure-native:compute:VirtualMachineRunCommandByVirtualMachine": 2,
        "azure-native:monitor:ActionGroup": 1,
        "azure-native:monitor:MetricAlert": 17,
        "azure-native:monitor:DiagnosticSetting": 4,
    }


def test_every_resource_names_its_explicit_provider(cell, public) -> None:
    for each in (*cell.all, *public.all):
        if not each.request.custom or each.type.startswith("pulumi:providers:"):
            continue
        package = each.type.partition(":")[0]
        assert f"pulumi:providers:{package}::{package}::" in each.provider, each.name


def test_every_child_is_inside_its_component_and_named_after_it(cell) -> None:
    components = {each.urn: each for each in cell.all if not each.request.custom}
    for each in cell.all:
        if each.type.startswith("pulumi:providers:") or each.type == "cells:azure:Cell":
            continue
        parent = components[each.parent]
        assert each.name.startswith(f"{parent.name}-"), each.name


GUARDS = {
    "azure-native:authorization:ManagementLockByScope",
    "azure-native:sql:BackupShortTermRetentionPolicy",
    "azure-native:sql:ExtendedServerBlobAuditingPolicy",
    "azure-native:storage:FileServiceProperties",
}


def test_what_holds_or_guards_data_is_protected_and_nothing_else(cell, public) -> None:
    for each in (*cell.all, *public.all):
        known = cloud_facts.of(each.type)
        stateful = (known is not None and known.stateful) or each.type.startswith(
            ("cellctl:sql:", "cellctl:octopus:MasterKey")
        )
        assert each.request.protect == (stateful or each.type in GUARDS), each.name


def test_every_declared_type_has_facts(cell, public) -> None:
    tokens = {each.type for each in (*cell.all, *public.all) if each.type.startswith("azure-native:")}
    assert [token for token in tokens if cloud_facts.of(token) is None] == []


def test_what_holds_data_has_a_lock_that_goes_first(cell) -> None:
    locks = {each.plain["scope"]: each for each in cell.of("ManagementLockByScope")}
    assert {lock.plain["level"] for lock in locks.values()} == {"CanNotDelete"}
    wanted = {
        "/id/acme-files-account": {"acme-files-packages", "acme-files-eventexports", "acme-files-nodes-mount"},
        "/id/acme-database-server": {"acme-database-access", "acme-database-backups", "acme-database-audit-logs"},
        "/id/acme-secrets-vault": {"acme-secrets-master-key", "acme-secrets-nodes-read", "acme-secrets-logs"},
        "/id/acme-identity": set(),
        "/id/acme-network-nat-1-address": set(),
        "/id/acme-network-nat-2-address": set(),
    }
    assert set(locks) == set(wanted)
    for scope, below in wanted.items():
        assert below <= cell.dependencies(locks[scope]), scope


def test_without_deletion_protection_there_is_no_lock(record) -> None:
    assert record(program_of(protection={"deletion": False})).of("ManagementLockByScope") == []


def test_version_aliases_are_dropped(cell) -> None:
    aliases = [alias.spec.type for each in cell.all for alias in each.request.aliases]
    assert [kind for kind in aliases if kind.startswith("azure-native:")] == []


def test_a_stack_with_versioned_types_keeps_its_aliases(record) -> None:
    program = program_of(nodes={"count": 2})

    def kept() -> None:
        pulumi.runtime.set_all_config({"octopus-cells:keepVersionAliases": "true"})
        program()

    [server] = [each for each in record(kept).all if each.type == "azure-native:sql:Server"]
    assert any(alias.spec.type.startswith("azure-native:sql/v") for alias in server.request.aliases)


def test_role_assignments_have_the_same_names_every_time(cell, record) -> None:
    again = record(program_of())
    for each in cell.of("RoleAssignment"):
        assert again.named(each.name).plain["roleAssignmentName"] == each.plain["roleAssignmentName"]


def rules_of(recording, group: str) -> dict[str, dict[str, object]]:
    return {rule["name"]: rule for rule in recording.named(f"acme-network-{group}-nsg").plain["securityRules"]}


def test_the_nodes_admit_users_on_443_and_10943_and_the_probe_alone_on_80(cell, public) -> None:
    rules = rules_of(cell, "nodes")
    admitted = {
        name: (rule.get("sourceAddressPrefixes") or rule["sourceAddressPrefix"], rule["destinationPortRanges"])
        for name, rule in rules.items()
        if rule["access"] == "Allow"
    }
    assert admitted == {
        "in-https": (["10.0.0.0/8"], ["443"]),
        "in-polling": (["10.0.0.0/8"], ["10943"]),
        "in-probe": ("AzureLoadBalancer", ["80"]),
    }, "cellctl runs in a range that people may come from: it needs no rule of its own"
    last = max(rules.values(), key=lambda rule: rule["priority"])
    assert (last["access"], last["sourceAddressPrefix"], last["destinationPortRange"], last["priority"]) == (
        "Deny",
        "*",
        "*",
        4096,
    )
    control = rules_of(public, "nodes")["in-control"]
    assert (control["sourceAddressPrefixes"], control["destinationPortRanges"]) == (["10.255.0.0/24"], ["443", "10943"])
    assert rules_of(public, "nodes")["in-https"]["sourceAddressPrefixes"] == ["20.30.40.0/24"]
    for recording in (cell, public):
        for group in ("nodes", "endpoints"):
            assert "Internet" not in json.dumps(rules_of(recording, group))


def test_endpoints_admit_nodes_and_cellctl_only(cell) -> None:
    rules = rules_of(cell, "endpoints")
    assert rules["in-nodes"]["sourceAddressPrefixes"] == ["10.64.0.0/24", "10.64.2.0/24"]
    assert rules["in-nodes"]["destinationPortRanges"] == ["443", "445", "1433"]
    assert rules["in-control"]["destinationPortRanges"] == ["443", "445", "1433"]
    assert set(rules) == {"in-nodes", "in-control", "deny-rest"}


def test_every_subnet_of_nodes_leaves_by_its_own_zone(cell) -> None:
    subnets = {each["name"]: each for each in cell.named("acme-network-vnet").plain["subnets"]}
    assert set(subnets) == {"nodes-1", "nodes-2", "ingress", "endpoints"}
    for zone in ("1", "2"):
        assert subnets[f"nodes-{zone}"]["natGateway"] == {"id": f"/id/acme-network-nat-{zone}"}
        assert cell.named(f"acme-network-nat-{zone}").plain["zones"] == [zone]
    assert {each["defaultOutboundAccess"] for each in subnets.values()} == {False}
    assert subnets["endpoints"]["privateEndpointNetworkPolicies"] == "Enabled"


def test_more_nodes_add_to_lists_and_move_nothing_in_them(cell, public) -> None:
    for name, key in (("acme-network-vnet", "subnets"), ("acme-ingress-balancer", "backendAddressPools")):
        small, large = (recording.named(name).plain[key] for recording in (cell, public))
        assert [each["name"] for each in large[: len(small)]] == [each["name"] for each in small]


def part(kind: str, name: str) -> dict[str, str]:
    balancer = "Microsoft.Network/loadBalancers/lb-oct-acme"
    return {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-oct-acme/providers/{balancer}/{kind}/{name}"}


def test_the_load_balancer_has_exactly_this_probe_and_these_rules(cell) -> None:
    balancer = cell.named("acme-ingress-balancer").plain
    assert balancer["sku"] == {"name": "Standard", "tier": "Regional"}
    assert balancer["probes"] == [
        {
            "name": "octopus-ping",
            "protocol": "Http",
            "port": 80,
            "requestPath": "/api/octopusservernodes/ping",
            "intervalInSeconds": 5,
            "numberOfProbes": 1,
            "probeThreshold": 2,
            "noHealthyBackendsBehavior": "AllProbedDown",
        }
    ]
    [rule] = balancer["loadBalancingRules"]
    assert rule == {
        "name": "https",
        "protocol": "Tcp",
        "frontendPort": 443,
        "backendPort": 443,
        "frontendIPConfiguration": part("frontendIPConfigurations", "fe"),
        "backendAddressPools": [part("backendAddressPools", "nodes")],
        "probe": part("probes", "octopus-ping"),
        "disableOutboundSnat": True,
        "enableTcpReset": True,
        "enableFloatingIP": False,
        "idleTimeoutInMinutes": 30,
        "loadDistribution": "Default",
    }


def test_every_node_has_a_polling_port_and_a_pool_of_its_own(public) -> None:
    balancer = public.named("acme-ingress-balancer").plain
    ports = {rule["name"]: rule for rule in balancer["inboundNatRules"]}
    for ordinal in (1, 2, 3):
        rule = ports[f"poll-n{ordinal}"]
        assert rule["frontendPortRangeStart"] == rule["frontendPortRangeEnd"] == 10942 + ordinal
        assert rule["backendPort"] == 10943
        assert rule["backendAddressPool"] == part("backendAddressPools", f"n{ordinal}")
    assert len(ports) == 3
    assert [pool["name"] for pool in balancer["backendAddressPools"]] == ["nodes", "n1", "n2", "n3"]


def test_a_node_that_only_works_serves_no_web(public) -> None:
    def pools(ordinal: int) -> list[str]:
        [config] = public.named(f"acme-node-{ordinal}-nic").plain["ipConfigurations"]
        return [pool["id"].rpartition("/")[2] for pool in config["loadBalancerBackendAddressPools"]]

    assert pools(1) == ["nodes", "n1"]
    assert pools(2) == ["nodes", "n2"]
    assert pools(3) == ["n3"]


def test_an_internal_cell_has_a_private_frontend_and_a_zone_of_exactly_its_host(cell) -> None:
    [front] = cell.named("acme-ingress-balancer").plain["frontendIPConfigurations"]
    assert (front["privateIPAddress"], front["zones"]) == ("10.64.6.4", ["1", "2", "3"])
    assert cell.named("acme-ingress-host-zone").plain["privateZoneName"] == "acme.octopus.internal"
    record = cell.named("acme-ingress-host-record").plain
    assert (record["relativeRecordSetName"], record["aRecords"]) == ("@", [{"ipv4Address": "10.64.6.4"}])


def test_a_public_cell_has_a_zone_redundant_address_that_is_kept(public) -> None:
    address = public.named("acme-ingress-address")
    assert address.request.protect
    assert address.plain["zones"] == ["1", "2", "3"]
    assert "/id/acme-ingress-address" in {each.plain["scope"] for each in public.of("ManagementLockByScope")}


def test_nothing_is_reachable_past_its_private_endpoint(cell) -> None:
    assert cell.named("acme-database-server").plain["publicNetworkAccess"] == "Disabled"
    assert cell.named("acme-files-account").plain["publicNetworkAccess"] == "Disabled"
    assert cell.named("acme-secrets-vault").plain["properties"]["publicNetworkAccess"] == "Disabled"
    groups = {
        each.name: each.plain["privateLinkServiceConnections"][0]["groupIds"] for each in cell.of("PrivateEndpoint")
    }
    assert groups == {
        "acme-files-endpoint": ["file"],
        "acme-secrets-endpoint": ["vault"],
        "acme-database-endpoint": ["sqlServer"],
    }


def test_endpoints_are_made_one_after_the_other(cell) -> None:
    assert "acme-files-endpoint" in cell.dependencies(cell.named("acme-secrets-endpoint"))
    assert "acme-secrets-endpoint" in cell.dependencies(cell.named("acme-database-endpoint"))


def test_the_database_is_zone_redundant_recoverable_and_has_no_password(cell) -> None:
    server, database = cell.named("acme-database-server").plain, cell.named("acme-database-database").plain
    assert server["minimalTlsVersion"] == "1.2"
    assert server["administrators"]["azureADOnlyAuthentication"] is True
    assert not {"administratorLogin", "administratorLoginPassword"} & set(server)
    ignored = ["administrators", "administratorLoginPassword"]
    assert list(cell.named("acme-database-server").request.ignoreChanges) == ignored
    assert (database["zoneRedundant"], database["requestedBackupStorageRedundancy"]) == (True, "Zone")
    assert cell.named("acme-database-backups").plain["retentionDays"] == 14
    assert database["collation"] == "SQL_Latin1_General_CP1_CI_AS"


def test_a_password_opens_the_database_where_that_is_asked_for_and_no_argument_shows_one(record) -> None:
    cell = record(program_of(database={"authentication": "sql", "failover": {"region": "northeurope"}}))
    for name in ("acme-database-server", "acme-database-partner-server"):
        server = cell.named(name)
        assert server.plain["administrators"]["azureADOnlyAuthentication"] is False
        assert server.plain["administratorLogin"] == "cellctl"
        assert "administratorLoginPassword" in server.request.ignoreChanges
        assert server.inputs["administratorLoginPassword"] != server.plain["administratorLoginPassword"]  # it is sealed
    access = cell.named("acme-database-access").plain
    assert access["login"] == "octo_acme_a"
    assert access["loginSecret"].endswith(".vault.azure.net/secrets/octopus-database-password")
    assert not {"identity", "identityClientId", "loginPassword", "administrator"} & set(access)
    told = json.loads(base64.b64decode(cell.named("acme-node-1").plain["userData"]))
    assert (told["sql_login"], told["sql_password_secret"]) == ("octo_acme_a", "octopus-database-password")
    outputs = cell.outputs["database"]
    assert (outputs["login"], outputs["passwordSecret"]) == ("octo_acme_a", access["loginSecret"])
    assert "identity" not in outputs


def test_entra_in_words_is_what_a_cell_has_without_them(cell, record) -> None:
    asked = record(program_of(database={"authentication": "entra"}))
    assert {each.name for each in asked.all} == {each.name for each in cell.all}
    for name in ("acme-node-1-boot", "acme-node-1", "acme-database-access"):
        assert {**asked.named(name).plain, "osProfile": ""} == {**cell.named(name).plain, "osProfile": ""}


def test_files_of_another_tier_have_its_account_and_pay_for_size_operations_and_bandwidth_apart(record) -> None:
    for tier, sku, media, channels in (
        ("premium_v2", "PremiumV2_ZRS", "SSD", {"enabled": True}), ("standard_v2", "StandardV2_ZRS", "HDD", None),
    ):  # fmt: skip
        cell = record(program_of(storage={"tier": tier, "sizeGiB": 100}))
        account = cell.named("acme-files-account").plain
        assert (account["kind"], account["sku"]["name"]) == ("FileStorage", sku)
        smb = cell.named("acme-files-service").plain["protocolSettings"]["smb"]
        assert (smb["versions"], smb.get("multichannel")) == ("SMB3.1.1;", channels)
        shares = {each.plain["shareName"]: each.plain for each in cell.of("FileShare")}
        assert {name: share["shareQuota"] for name, share in shares.items()} == {
            "packages": 50, "artifacts": 32, "tasklogs": 32, "imports": 32, "eventexports": 32,
        }  # fmt: skip
        least = {"SSD": (3000, 125), "HDD": (1000, 60)}[media]
        for share in shares.values():
            assert "accessTier" not in share
            assert share["metadata"] == {"media": media}
            assert (share["provisionedIops"], share["provisionedBandwidthMibps"]) >= least


def test_an_account_apart_has_all_that_the_cells_own_has(cell, record) -> None:
    kinds = {"packages": {"storageAccount": "feed"}, "taskLogs": {"storageAccount": "logs", "tier": "standard_v2"}}
    apart = record(program_of(storage={"kinds": kinds}))
    own = {name for each in apart.all if (name := each.name).startswith("acme-files-")}
    parts = {name.removeprefix("acme-files-feed-") for name in own if name.startswith("acme-files-feed-")}
    assert parts == {
        "account",
        "service",
        "packages",
        "endpoint",
        "endpoint-dns",
        "nodes-mount",
        "logs",
        "lock",
        "tree",
    }
    for name in ("account", "service", "nodes-mount"):
        mine, feed = (apart.named(f"acme-files-{where}{name}").plain for where in ("", "feed-"))
        assert {key for key in mine if mine[key] != feed[key]} <= {"accountName", "scope", "roleAssignmentName"}
    assert apart.named("acme-files-feed-account").request.protect
    before = apart.dependencies(apart.named("acme-files-feed-endpoint"))
    assert "acme-files-endpoint" in before  # one after the other: they are in one subnet
    assert "acme-files-logs-endpoint" in apart.dependencies(apart.named("acme-secrets-endpoint"))
    told = json.loads(base64.b64decode(apart.named("acme-node-1").plain["userData"]))
    hosts = {kind: unc.split("\\")[2] for kind, unc in told["shares"].items()}
    assert {host for kind, host in hosts.items() if kind not in ("packages", "task_logs")} == {told["file_host"]}
    assert set(told["accounts"]) == {hosts["packages"], hosts["task_logs"]}
    assert told["accounts"][hosts["packages"]] == "/id/acme-files-feed-account"
    ready = apart.dependencies(apart.named("acme-node-1"))
    assert {"acme-files-feed-tree", "acme-files-logs-tree", "acme-files-logs-nodes-mount"} <= ready
    alarms = {each.name for each in apart.of("MetricAlert")} - {each.name for each in cell.of("MetricAlert")}
    assert alarms == {
        *(
            f"acme-alarms-files-{what}-{label}"
            for what in ("full", "slow", "throttled", "unavailable")
            for label in ("feed", "logs")
        ),
        "acme-alarms-share-full-packages-feed",
        "acme-alarms-share-full-imports",  # without task logs another share is the first of its size
    }, "of shares on disks Azure tells how full all of them are, and of none alone"
    assert apart.outputs["files"]["apart"].keys() == {"packages", "task_logs"}
    assert "apart" not in cell.outputs["files"]


def test_every_share_has_a_snapshot_each_day_where_its_file_asks_for_them(cell, record) -> None:
    kept = record(program_of(storage={"snapshotDays": 45, "kinds": {"packages": {"storageAccount": "feed"}}}))
    assert not [each for each in cell.all if "recoveryservices" in each.type]
    policy = kept.named("acme-backups-policy").plain["properties"]
    assert policy["schedulePolicy"]["scheduleRunTimes"] == ["2026-01-01T02:00:00Z"]
    assert policy["retentionPolicy"]["dailySchedule"] == {
        "retentionTimes": ["2026-01-01T02:00:00Z"], "retentionDuration": {"count": 45, "durationType": "Days"},
    }  # fmt: skip
    items = {each.plain["protectedItemName"]: each for each in kept.of("ProtectedItem")}
    assert set(items) == {each.plain["shareName"] for each in kept.of("FileShare")}
    feed = items["packages"]
    assert feed.plain["properties"]["sourceResourceId"] == "/id/acme-files-feed-account"
    assert feed.plain["containerName"].endswith(kept.named("acme-files-feed-account").plain["accountName"])
    containers = {each.name: each for each in kept.of("ProtectionContainer")}
    assert set(containers) == {"acme-backups-container", "acme-backups-feed-container"}
    assert {"acme-files-artifacts", "acme-files-tasklogs"} <= kept.dependencies(containers["acme-backups-container"])
    # Azure deletes no vault that keeps soft-deleted backups, nor the group that it is in: both stay behind.
    for name in ("group", "vault", "policy", "container", "feed-container"):
        request = kept.named(f"acme-backups-{name}").request
        assert (request.protect, request.retainOnDelete) == (True, True), name
    assert all((each.request.protect, each.request.retainOnDelete) == (True, False) for each in items.values())
    own, backups = (kept.named(f"acme-{name}").plain["resourceGroupName"] for name in ("group", "backups-group"))
    assert own != backups
    for name in ("acme-files-account", "acme-files-feed-account"):
        assert kept.named(name).plain["networkRuleSet"]["bypass"] == "AzureServices"
        assert kept.named(name).plain["publicNetworkAccess"] == "Disabled"
    assert cell.named("acme-files-account").plain["networkRuleSet"]["bypass"] == "None"
    alarm = kept.named("acme-alarms-snapshots-fail").plain
    assert alarm["scopes"] == ["/id/acme-backups-vault"]


def test_speed_of_provisioned_shares_grows_with_their_size_up_to_what_azure_has() -> None:
    rules = azure_facts.share_rules("premium_v2")
    assert rules.iops is not None
    assert [rules.iops.of(size) for size in (32, 1024, 262144)] == [3032, 4024, 100000]
    assert azure_facts.share_rules("premium").iops is None


def test_the_node_identity_owns_the_database_once_the_master_key_exists(cell) -> None:
    access = cell.named("acme-database-access")
    given = access.plain
    assert given["engine"] == "azure-sql"
    assert given["identity"].startswith("id-oct-acme-")
    assert given["identityClientId"] == "client-id"
    assert given["masterKeyFingerprint"] == "f" * 32
    assert given["server"].endswith(".database.windows.net")
    assert {"acme-secrets-master-key", "acme-database-endpoint-dns"} <= cell.dependencies(access)
    assert access.request.deletedWith.endswith("::acme-database-database")


def test_machines_boot_only_when_everything_they_need_is_there(cell) -> None:
    needed = {
        "acme-database-access",
        "acme-files-nodes-mount",
        "acme-files-tree",
        "acme-network-sqlserver-link",
        "acme-network-file-link",
        "acme-network-vault-link",
        "acme-secrets-nodes-read",
        "acme-secrets-administrator-password",
    }
    tried = {"acme-files-endpoint-dns", "acme-files-packages", "acme-files-eventexports"}
    assert tried <= cell.dependencies(cell.named("acme-files-tree"))
    for ordinal in (1, 2):
        assert needed <= cell.dependencies(cell.named(f"acme-node-{ordinal}"))
    assert "acme-node-1-octopus" in cell.dependencies(cell.named("acme-node-2-boot"))
    assert "acme-node-1-boot" in cell.dependencies(cell.named("acme-node-1-octopus"))
    assert "acme-node-2-boot" not in cell.dependencies(cell.named("acme-node-1-boot"))


def test_machines_have_fixed_addresses_zones_and_the_identity(cell) -> None:
    for ordinal, zone, address in ((1, "1", "10.64.0.10"), (2, "2", "10.64.2.10")):
        machine = cell.named(f"acme-node-{ordinal}").plain
        assert machine["zones"] == [zone]
        assert machine["identity"] == {"type": "UserAssigned", "userAssignedIdentities": ["/id/acme-identity"]}
        assert machine["storageProfile"]["imageReference"]["version"] != "latest"
        [config] = cell.named(f"acme-node-{ordinal}-nic").plain["ipConfigurations"]
        assert (config["privateIPAddress"], config["privateIPAllocationMethod"]) == (address, "Static")


def secret_paths(recording) -> set[tuple[str, str]]:
    return {
        (each.type.rpartition(":")[2], key)
        for each in recording.all
        for key, value in each.inputs.items()
        if "1b47061264138c4ac30d75fd1eb44270" in json.dumps(value)
    }


def test_the_only_secrets_are_a_password_nobody_uses_and_the_first_of_the_administrator(cell) -> None:
    assert secret_paths(cell) == {("VirtualMachine", "osProfile"), ("Secret", "properties")}
    machine = cell.named("acme-node-1")
    assert list(machine.request.ignoreChanges) == ["osProfile", "storageProfile.imageReference"]
    kept = cell.named("acme-secrets-administrator-password").request
    assert (list(kept.ignoreChanges), kept.retainOnDelete) == (["properties"], True)
    passwords = [cell.named(f"acme-node-{ordinal}").plain["osProfile"]["adminPassword"] for ordinal in (1, 2)]
    assert len(set(passwords)) == 2
    assert min(map(len, passwords)) > 40


def test_user_data_tells_facts_and_no_secret(cell) -> None:
    told = [json.loads(base64.b64decode(cell.named(f"acme-node-{n}").plain["userData"])) for n in (1, 2)]
    password = cell.named("acme-node-1").plain["osProfile"]["adminPassword"]
    assert [each["first"] for each in told] == [True, False]
    assert [each["node"] for each in told] == ["acme-1", "acme-2"]
    account = cell.named("acme-files-account").plain["accountName"]
    assert told[0]["shares"]["task_logs"] == rf"\\{account}.file.core.windows.net\tasklogs"
    assert password not in json.dumps(told)
    secrets = {key: value for key, value in told[0].items() if key.endswith("_secret")}
    assert secrets == {
        "administrator_password_secret": "octopus-administrator-password",
        "master_key_secret": "octopus-master-key",
    }


def test_the_boot_script_is_the_same_for_all_and_reads_only_what_user_data_tells(cell) -> None:
    scripts = {each.plain["source"]["script"] for each in cell.of("VirtualMachineRunCommandByVirtualMachine")}
    [script] = scripts
    told = json.loads(base64.b64decode(cell.named("acme-node-1").plain["userData"]))
    asked = set(re.findall(r"\$facts\.([a-z_]+)", script))
    assert asked - set(told) == {"accounts"}, "where shares are in accounts apart, which it asks first"
    assert set(re.findall(r"\$facts\.shares\.([a-z_]+)", script)) == set(told["shares"])
    for word in ("Write-Host", "Start-Transcript", "Set-PSDebug -Trace"):
        assert word not in script
    assert "acme" not in script


def test_roles_are_the_least_that_works(cell) -> None:
    roles = {
        each.name: (each.plain["scope"], each.plain["roleDefinitionId"].rpartition("/")[2])
        for each in cell.of("RoleAssignment")
    }
    assert roles == {
        "acme-files-nodes-mount": ("/id/acme-files-account", "81a9662b-bebf-436f-a333-f67b29880f12"),
        "acme-secrets-nodes-read": ("/id/acme-secrets-vault", "4633458b-17de-408a-b874-0445c86b69e6"),
        "acme-secrets-operator-writes": ("/id/acme-secrets-vault", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    }
    assert {each.plain["principalType"] for each in cell.of("RoleAssignment")} == {"ServicePrincipal"}


def test_alarms_write_to_the_administrator(cell) -> None:
    [group] = cell.of("ActionGroup")
    assert [each["emailAddress"] for each in group.plain["emailReceivers"]] == ["admin@acme.octopus.internal"]
    assert len(group.plain["groupShortName"]) <= 12
    for alert in cell.of("MetricAlert"):
        assert alert.plain["actions"] == [{"actionGroupId": group.urn.replace(group.urn, "/id/acme-alarms-group")}]
        [criterion] = alert.plain["criteria"]["allOf"]
        assert criterion["skipMetricValidation"] is True


def test_alarms_are_those_that_a_cell_should_have(cell) -> None:
    """What our notes on Octopus list (2.9) and Azure has a metric for: capacity over 80 %, throttling, nodes."""

    def criterion(name: str) -> dict[str, object]:
        return cell.named(f"acme-alarms-{name}").plain["criteria"]["allOf"][0]

    shares = {each.plain["shareName"]: each.plain["shareQuota"] for each in cell.of("FileShare")}
    assert criterion("files-full")["threshold"] == sum(shares.values()) * 1024**3 * 80 // 100
    watched: dict[str, object] = {}
    for each in cell.of("MetricAlert"):
        if "-share-full-" in each.name:
            [one] = each.plain["criteria"]["allOf"]
            watched |= dict.fromkeys(one["dimensions"][0]["values"], one["threshold"])
    assert watched == {name: size * 1024**3 * 80 // 100 for name, size in shares.items()}, "each share by its own size"
    [kinds] = criterion("files-throttled")["dimensions"]
    assert kinds["name"] == "ResponseType"
    assert {"SuccessWithShareIopsThrottling", "ClientShareIopsThrottlingError"} <= set(kinds["values"])
    assert criterion("node-silent")["dimensions"] == [
        {"name": "BackendIPAddress", "operator": "Include", "values": ["*"]}
    ]
    assert criterion("nodes-down").get("dimensions") is None


def test_outputs_are_what_verify_reads_and_hold_no_secret(cell) -> None:
    outputs = cell.outputs
    assert outputs["url"] == "https://acme.octopus.internal"
    assert outputs["pollAddresses"] == ["https://acme.octopus.internal:10943", "https://acme.octopus.internal:10944"]
    assert [(node["name"], node["address"], node["scheme"], node["port"]) for node in outputs["nodes"]] == [
        ("acme-1", "10.64.0.10", "https", 443),
        ("acme-2", "10.64.2.10", "https", 443),
    ]
    assert outputs["database"]["kind"] == "azure-sql"
    assert outputs["database"]["identity"].startswith("id-oct-acme-")
    assert re.fullmatch(
        r"https://kv-acme-[a-z2-7]{12}\.vault\.azure\.net/secrets/octopus-master-key", outputs["masterKeySecret"]
    )
    assert "1b47061264138c4ac30d75fd1eb44270" not in json.dumps(outputs)


def test_names_are_known_in_a_preview(record) -> None:
    preview = record(program_of(), preview=True)
    vault = preview.named("acme-secrets-vault").plain
    assert vault["resourceGroupName"] == "rg-oct-acme"
    for each in preview.all:
        for key in ("resourceGroupName", "accountName", "serverName", "databaseName", "vmName", "privateZoneName"):
            if key in each.inputs:
                assert isinstance(each.inputs[key], str), (each.name, key)
                assert "04da6b54" not in each.inputs[key]


def test_a_real_account_signs_in_by_oidc_and_names_its_administrators(record) -> None:
    real = AccountFacts(id=SUBSCRIPTION, tenant="tenant-id", role="client-id", administrators="group-id")
    found = record(program_of(real))
    provider = found.named("azure-native")
    assert {key: value for key, value in provider.plain.items() if key != "environment"} == {
        "subscriptionId": SUBSCRIPTION,
        "tenantId": "tenant-id",
        "clientId": "client-id",
        "useOidc": "true",
        "location": "westeurope",
        "disablePulumiPartnerId": "true",
    }
    assert found.named("acme-database-server").plain["administrators"]["sid"] == "group-id"
    with pytest.raises(UsageError, match="no Entra group"):
        load("azure").program(load("azure").layout(_spec()), AccountFacts(id=SUBSCRIPTION, tenant="t", role="r"))


def _spec() -> CellSpec:
    return CellSpec.minimal("acme", cloud="azure", region="westeurope")


def test_the_program_is_not_run_with_default_providers(cell) -> None:
    assert [each.name for each in cell.all if each.name.startswith("default")] == []
    assert pulumi.runtime.is_dry_run() in (True, False)


def test_new_facts_run_the_boot_script_again_and_what_others_apply_does_not(record) -> None:
    def digests(**body: object) -> list[str]:
        found = record(program_of(**body))
        return [found.named(f"acme-node-{n}-boot").plain["parameters"][0]["value"] for n in (1, 2)]

    one = digests()
    two = digests(ingress={"certificate": "https://kv-other.vault.azure.net/secrets/web"})
    assert one[0] != two[0] != two[1] != one[1]
    assert digests(nodes={"count": 3}) == one
    assert digests(octopus={"version": "2026.4.7100", "taskCap": 20, "administrator": {"username": "root"}}) == one


def test_nodes_get_a_role_on_a_certificate_that_is_named_by_its_id(record) -> None:
    secret = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-web/secrets/acme"
    named = record(program_of(ingress={"certificate": secret}))
    role = named.named("acme-certificate-read").plain
    assert (role["scope"], role["principalId"]) == (secret, named.named("acme-files-nodes-mount").plain["principalId"])
    assert role["roleDefinitionId"].endswith(azure_facts.role("key_vault_secrets_user"))
    machine = named.named("acme-node-1")
    assert "acme-certificate-read" in named.dependencies(machine)
    told = decode(machine.plain["userData"])
    assert told["certificate"] == "https://kv-web.vault.azure.net/secrets/acme"
    addressed = record(program_of(ingress={"certificate": told["certificate"]}))
    assert not [each for each in addressed.all if each.name == "acme-certificate-read"]
    assert decode(addressed.named("acme-node-1").plain["userData"]) == told


def test_the_first_node_alone_then_the_others_boot(record) -> None:
    cell = record(program_of(octopus={"licence": {"secret": "licence"}}, nodes={"count": 3}))
    nodes = [cell.named(f"acme-node-{n}-octopus") for n in (1, 2, 3)]
    assert [node.plain["taskCap"] for node in nodes] == [10, 10, 10]
    vault = f"https://{cell.named('acme-secrets-vault').plain['vaultName']}.vault.azure.net/secrets"
    administrator = cell.named("acme-node-administrator").plain
    assert administrator["licenceSecret"] == f"{vault}/licence"
    assert (administrator["apiKeySecret"], administrator["nodes"]) == (f"{vault}/octopus-api-key", 3)
    assert nodes[0].plain["machines"].keys() == {"acme-1", "acme-2", "acme-3"}


def test_linux_machines_hold_no_secret_and_let_nobody_in(record) -> None:
    cell = record(program_of(nodes={"os": "linux"}))
    for machine in cell.of("VirtualMachine"):
        profile = machine.inputs["osProfile"]
        assert "adminPassword" not in profile  # and it is no secret as a whole
        linux = profile["linuxConfiguration"]
        assert linux["disablePasswordAuthentication"] is True
        assert linux["ssh"]["publicKeys"][0]["keyData"].startswith("ssh-ed25519 ")
        assert machine.inputs["storageProfile"]["imageReference"]["publisher"] == "Canonical"
        assert machine.inputs["securityProfile"]["securityType"] == "TrustedLaunch"
    boots = cell.of("VirtualMachineRunCommandByVirtualMachine")
    assert [boot.inputs["source"]["script"][:12] for boot in boots] == ["#!/bin/bash\n"] * 2
    assert all(node.inputs["os"] == "linux" for node in cell.of("Node"))


def test_nodes_that_share_a_queue_have_one_port_and_a_queue_in_memory_alone(record) -> None:
    roles = ["both", "ui", "worker"]
    cell = record(program_of(ingress={"polling": "redis", "grpc": True}, nodes={"count": 3, "roles": roles}))
    queue, database = cell.named("acme-queue-cluster").plain, cell.named("acme-queue-database").plain
    assert (queue["publicNetworkAccess"], queue["highAvailability"], queue["minimumTlsVersion"]) == (
        "Disabled", "Disabled", "1.2",
    )  # fmt: skip
    assert database["persistence"] == {"aofEnabled": False, "rdbEnabled": False}
    assert (database["clientProtocol"], database["evictionPolicy"]) == ("Encrypted", "NoEviction")
    role = cell.named("acme-queue-key-reader").plain
    assert role["permissions"] == [{"actions": ["Microsoft.Cache/redisEnterprise/databases/listKeys/action"]}]

    balancer = cell.of("LoadBalancer")[0].plain
    assert "inboundNatRules" not in balancer
    ports = {rule["name"]: (rule["frontendPort"], rule["probe"]["id"].rpartition("/")[2])
             for rule in balancer["loadBalancingRules"]}  # fmt: skip
    assert ports == {"https": (443, "octopus-ping"), "polling": (10943, "polling-tcp"), "grpc": (8443, "grpc-tcp")}
    # The ping would cut Tentacles off a node that drains: whether it answers is asked of the port itself.
    assert {probe["name"]: probe["protocol"] for probe in balancer["probes"]} == {
        "octopus-ping": "Http", "polling-tcp": "Tcp", "grpc-tcp": "Tcp",
    }  # fmt: skip
    pools = [
        [pool["id"].rpartition("/")[2] for pool in nic.plain["ipConfigurations"][0]["loadBalancerBackendAddressPools"]]
        for nic in cell.of("NetworkInterface")
    ]
    assert pools == [["nodes", "pollers"], ["nodes"], ["pollers"]]
    rules = {
        rule["name"]: rule["destinationPortRanges"]
        for rule in cell.of("NetworkSecurityGroup")[1].plain["securityRules"]
        if "destinationPortRanges" in rule
    }
    assert rules["in-probe"] == ["80", "10943", "8443"]
    told = json.loads(base64.b64decode(cell.of("VirtualMachine")[0].plain["userData"]))
    assert told["queue_host"].endswith(".westeurope.redis.azure.net")
    assert told["shares"]["cluster"].endswith("cluster")
    assert "primaryKey" in cell.of("VirtualMachineRunCommandByVirtualMachine")[0].plain["source"]["script"]
    assert cell.outputs["pollAddresses"] == ["https://acme.octopus.internal:10943"]


def test_a_standard_cells_script_says_nothing_of_queues(cell) -> None:
    script = cell.of("VirtualMachineRunCommandByVirtualMachine")[0].plain["source"]["script"]
    assert "queue" not in script
    assert "#@" not in script
    told = json.loads(base64.b64decode(cell.of("VirtualMachine")[0].plain["userData"]))
    assert not [key for key in told if key.startswith("queue")]


def test_no_index_is_made_or_dropped_by_azure(cell) -> None:
    advisors = {each.plain["advisorName"]: each.plain["autoExecuteStatus"] for each in cell.of("DatabaseAdvisor")}
    assert advisors == {"CreateIndex": "Disabled", "DropIndex": "Disabled"}


def test_backups_kept_for_long_and_a_copy_in_another_region(record) -> None:
    asked = {"longTerm": {"weeks": 12, "years": 7}, "failover": {"region": "northeurope"}}
    cell = record(program_of(database=asked))
    kept = cell.named("acme-database-long-term").plain
    assert [kept[f"{each}Retention"] for each in ("weekly", "monthly", "yearly")] == ["P12W", "PT0S", "P7Y"]
    assert cell.named("acme-database-long-term").request.protect

    partner = cell.named("acme-database-partner-server").plain
    first = cell.named("acme-database-server").plain
    assert partner["location"] == "northeurope"
    assert partner["serverName"] != first["serverName"]
    for key in ("publicNetworkAccess", "minimalTlsVersion", "restrictOutboundNetworkAccess", "administrators"):
        assert partner[key] == first[key]
    group = cell.named("acme-database-partner-group")
    # Nobody fails over by himself: nodes and files must follow first, and a swapped pair is no plan.
    assert group.plain["readWriteEndpoint"] == {"failoverPolicy": "Manual"}
    assert group.plain["readOnlyEndpoint"] == {"failoverPolicy": "Disabled"}
    assert group.request.protect
    assert {"acme-database-partner-lock"} <= {each.name for each in cell.of("ManagementLockByScope")}


KEY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub/keys/cells"


def test_a_key_of_others_seals_database_and_files_and_only_its_role_is_declared_there(record) -> None:
    cloud, body = load("azure"), {"cloud": "azure", "account": "sandbox", "region": "westeurope"}
    spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": {**body, "protection": {"key": KEY}}})
    site = {"network": "", "key": KEY, "keyVersion": "v1"}
    layout = cloud.layout(spec, site=site)
    cell = record(lambda: cloud.program(layout, SANDBOX))
    account, server = cell.named("acme-files-account").plain, cell.named("acme-database-server").plain
    assert account["encryption"]["keySource"] == "Microsoft.Keyvault"
    assert account["encryption"]["keyVaultProperties"] == {
        "keyName": "cells", "keyVaultUri": "https://kv-hub.vault.azure.net/",
    }  # fmt: skip
    assert account["encryption"]["requireInfrastructureEncryption"] is True
    assert server["keyId"] == "https://kv-hub.vault.azure.net/keys/cells/v1"
    sealing = "/id/acme-sealing"
    assert server["primaryUserAssignedIdentityId"] == sealing
    assert account["identity"]["userAssignedIdentities"] == [sealing]
    protector = cell.named("acme-database-protector").plain
    assert (protector["serverKeyName"], protector["autoRotationEnabled"]) == ("kv-hub_cells_v1", True)
    role = cell.named("acme-sealing-key")
    assert role.plain["scope"] == KEY
    assert cell.named("acme-sealing").request.protect
    for name in ("acme-files-account", "acme-database-server"):  # whoever may not use the key cannot be made
        assert "acme-sealing-key" in cell.dependencies(cell.named(name))
    given = promises("azure", layout.to_json())
    assert unkept(given, [(item.type, item.plain) for item in cell.all]) == []
    assert any(promise.value == "a key of yours" for promise in given)
