"""What the base of a subscription is made of, and that its two roles may do what the programs declare and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.errors import SpecError, UsageError
from cellctl.facts.permissions import looks, needed, permissions
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.reef import ReefSpec
from cellctl_components.azure import facts
from cellctl_components.azure.account_layout import account_layout
from cellctl_components.azure.operators import ASSIGNED
from cellctl_components.azure.polling_queue import LIST_KEYS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "resource-names.md"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
SANDBOX = AccountFacts(id=SUBSCRIPTION, sandbox=True)
GROUP = f"{SCOPE}/resourceGroups/rg-reef-r1/providers"
PLACE = {
    "reef": "r1", "resource_group": "rg-reef-r1", "cidr": "10.64.0.0/16", "allow": ["10.0.0.0/8"], "internal": True,
    "network": f"{GROUP}/Microsoft.Network/virtualNetworks/v", "zones": dict.fromkeys(("file", "vault"), "zone"),
    "host": "reef-r1-sql-1", "server": "s.database.windows.net", "pool": "pool", "number": 0, "database": "d",
}  # fmt: skip


KEY = f"{SCOPE}/resourceGroups/rg-hub/providers/Microsoft.KeyVault/vaults/kv-hub/keys/cells"
VAULT = KEY.partition("/keys/")[0]


def wanted(level: str = "account", **body: object) -> Wanted:
    if level == "account":
        return Wanted(level="account", spec=AccountSpec.of("prod", cloud="azure", region="westeurope").to_json())
    given = {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}
    model = ReefSpec if level == "reef" else CellSpec
    spec = model.model_validate({"metadata": {"name": "acme"}, "spec": given}).to_json()
    site = {"network": "", "key": KEY, "keyVersion": "v1", "certificateVault": VAULT} if "protection" in body else None
    return Wanted(level=level, spec=spec, place=PLACE if "placement" in body else None, site=site)


@pytest.fixture(scope="module")
def base(record):
    return record(declaring(load("azure"), wanted(), SANDBOX))


@pytest.fixture(scope="module")
def programs(record, base):
    """Return what every program declares, of cells and reefs with all that they may have."""
    public = {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"}
    queued = {"ingress": {"polling": "redis", "grpc": True}}
    kept = {
        "database": {"failover": {"region": "northeurope"}, "longTerm": {"weeks": 4}},
        "protection": {"key": KEY},
        "storage": {"snapshotDays": 30, "kinds": {"taskLogs": {"storageAccount": "logs"}}},
        "ingress": {
            "balancer": "application_gateway",
            "certificate": "https://kv-hub.vault.azure.net/secrets/web",
        },
    }
    cells = [kept, {}, {"ingress": public}, {"placement": {"reef": "r1"}}, {"nodes": {"os": "linux"}}, queued]
    return [
        base,
        record(declaring(load("azure"), wanted("reef"), SANDBOX)),
        *(record(declaring(load("azure"), wanted("cell", **body), SANDBOX)) for body in cells),
    ]


def test_the_permissions_are_those_of_what_programs_declare(programs) -> None:
    declared = {each.type for program in programs for each in program.all}
    own = {token for token in permissions("azure") if token.startswith("cellctl:")}
    assert own == {"cellctl:files:FolderTree"}
    assert {token for token in declared if token.startswith("azure-native:")} | own == set(permissions("azure"))
    assert own < declared


def test_one_role_only_looks_and_the_other_changes_nothing_else(base) -> None:
    roles = {each.name: each.plain for each in base.of("RoleDefinition")}
    (looking,) = roles["account-prod-operators-preview-role"]["permissions"]
    (changing,) = roles["account-prod-operators-apply-role"]["permissions"]
    assert all(action.endswith("/read") for action in looking["actions"])
    assert not [one for one in looking["actions"] if "secrets/getSecret" in one or "listKeys" in one]
    assert set(looking["actions"]) < set(changing["actions"])
    for role in (looking, changing):
        assert not [action for action in role["actions"] if "*" in action]
        assert role["dataActions"] == []
        assert "Microsoft.Authorization/roleDefinitions/write" not in role["actions"]
    assert {each["assignableScopes"][0] for each in roles.values()} == {SCOPE}


def test_a_cell_with_a_queue_uses_the_subscriptions_role_and_defines_none(record) -> None:
    account = AccountFacts(id=SUBSCRIPTION, sandbox=True, queue_role=f"{SCOPE}/x/queue")
    cell = record(declaring(load("azure"), wanted("cell", ingress={"polling": "redis"}), account))
    assert cell.of("RoleDefinition") == []
    assert cell.named("acme-queue-nodes-key").plain["roleDefinitionId"] == f"{SCOPE}/x/queue"


def test_whatever_action_is_taken_away_a_call_is_refused(base) -> None:
    """The calls that programs make, by type (cellctl/facts/permissions), against the two roles that are made."""
    roles = {
        name: {*base.named(f"account-prod-operators-{name}-role").plain["permissions"][0]["actions"]}
        for name in ("preview", "apply")
    }
    calls = [(type_, way) for type_ in permissions("azure") for way in ("create", "read", "update", "delete")]
    users: dict[str, list[tuple[str, str]]] = {}
    for call in calls:
        for action in needed("azure", *call):
            users.setdefault(action, []).append(call)

    def refused(role: set[str], call: tuple[str, str]) -> bool:
        return not role.issuperset(needed("azure", *call))

    assert [call for call in calls if refused(roles["apply"], call)] == []
    assert [call for call in calls if call[1] == "read" and refused(roles["preview"], call)] == []
    beside = {*looks("azure").read}
    for name, role in roles.items():
        for action in role:
            lost = [call for call in users.get(action, []) if refused(role - {action}, call)]
            assert lost or action in beside, f"nothing calls {action}, which {name} has"


def test_whoever_changes_may_assign_every_role_that_a_program_assigns(base, programs) -> None:
    """Azure judges the condition when an assignment is made: a role that is not in it fails an `up` half way."""
    condition = base.named("account-prod-operators-apply-assignment").plain["condition"]
    assigned = {
        str(each.plain["roleDefinitionId"]).rpartition("/")[2]
        for program in programs[1:]
        for each in program.of("RoleAssignment")
        if not str(each.plain["roleDefinitionId"]).startswith(
            "/id/"
        )  # its own, where the home names no role for queues
    }
    assert {one for one in assigned if one not in condition} == set()
    assert len(assigned) == len(ASSIGNED)


def test_whoever_changes_assigns_only_the_roles_that_cells_have(base) -> None:
    condition = base.named("account-prod-operators-apply-assignment").plain["condition"]
    guids = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", condition))
    own = base.named("account-prod-operators-queue-role").plain
    assert guids == {*map(facts.role, ASSIGNED), own["roleDefinitionId"]}
    assert own["permissions"][0]["actions"] == [LIST_KEYS]
    assert condition.count("roleAssignments/write") == condition.count("roleAssignments/delete") == 1
    assert "condition" not in base.named("account-prod-operators-preview-assignment").plain
    data = {
        (each.name.removeprefix("account-prod-operators-"), each.plain["roleDefinitionId"].rpartition("/")[2])
        for each in base.of("RoleAssignment")
        if not each.name.endswith("assignment")
    }
    assert data == {
        ("preview-states", facts.role("storage_blob_data_reader")),
        ("preview-key", facts.role("key_vault_crypto_user")),
        ("apply-states", facts.role("storage_blob_data_contributor")),
        ("apply-key", facts.role("key_vault_crypto_user")),
    }


def test_states_are_versioned_sealed_locked_and_opened_by_no_key(base) -> None:
    account = base.named("account-prod-states-account")
    assert account.request.protect
    closed = ("allowSharedKeyAccess", "allowBlobPublicAccess", "allowCrossTenantReplication")
    assert [account.plain[one] for one in closed] == [False] * 3
    assert (account.plain["minimumTlsVersion"], account.plain["sku"]) == ("TLS1_2", {"name": "Standard_GZRS"})
    service = base.named("account-prod-states-service").plain
    assert service["isVersioningEnabled"]
    assert (
        service["deleteRetentionPolicy"] == service["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 30}
    )
    vault, key = base.named("account-prod-states-vault").plain["properties"], base.named("account-prod-states-key")
    assert (vault["enablePurgeProtection"], vault["enableRbacAuthorization"]) == (True, True)
    assert (key.plain["properties"]["kty"], key.plain["properties"]["keySize"], key.request.protect) == (
        "RSA",
        3072,
        True,
    )
    scopes = {each.plain["scope"] for each in base.of("ManagementLockByScope")}
    assert {"/id/account-prod-states-account", "/id/account-prod-states-vault"} <= scopes


def test_what_the_home_is_to_say_of_it(base) -> None:
    name = base.named("account-prod-states-account").plain["accountName"]
    assert base.outputs["state"] == f"azblob://states?storage_account={name}"
    assert re.fullmatch(r"azurekeyvault://kv-[a-z0-9-]+\.vault\.azure\.net/keys/pulumi-states", base.outputs["secrets"])
    assert (base.outputs["applyRole"], base.outputs["principal"]) == ("client-id", "principal-id")
    zones = {each.plain["privateZoneName"] for each in base.of("PrivateZone")}
    assert zones == {f"privatelink.{one}" for one in (
        "database.windows.net", "file.core.windows.net", "vaultcore.azure.net", "redis.azure.net")}  # fmt: skip


def test_sql_servers_ask_the_directory_as_the_subscriptions_identity(record) -> None:
    account = AccountFacts(id=SUBSCRIPTION, sandbox=True, sql_identity=f"{SCOPE}/x/sql")
    for level in ("cell", "reef"):
        (server,) = record(declaring(load("azure"), wanted(level), account)).of("Server")
        assert server.plain["identity"]["userAssignedIdentities"] == [f"{SCOPE}/x/sql"]
        assert server.plain["primaryUserAssignedIdentityId"] == f"{SCOPE}/x/sql"


def test_a_subscription_without_a_tenant_or_in_no_region_is_refused(record) -> None:
    with pytest.raises(UsageError, match="names no Entra tenant"):
        record(declaring(load("azure"), wanted(), AccountFacts(id=SUBSCRIPTION)))
    with pytest.raises(SpecError, match="Azure has no region 'eu-west-1'"):
        account_layout(AccountSpec.of("prod", cloud="azure", region="eu-west-1"))
    names = [account_layout(AccountSpec.of(name, cloud="azure", region="westeurope")) for name in ("a" * 32, "prod")]
    assert all(re.fullmatch("[a-z0-9]{3,24}", one.storage_account) for one in names)
    assert all(len(one.vault) <= 24 for one in names)


def test_names_are_public(base) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("<!-- azure account: begin -->")[2].partition("<!-- azure account: end -->")[0]
    found = sorted(
        {(each.name.replace("account-prod", "ACCOUNT", 1), each.type, "yes" if each.request.protect else "")
         for each in base.all}
    )  # fmt: skip
    rows = [f"| `{name}` | `{kind}` | {protected} |" for name, kind, protected in found]
    assert [line for line in section.splitlines() if line.startswith("| `")] == rows
