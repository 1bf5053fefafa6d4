"""The traps of azure-native that every program of ours must walk around, one test each (reference/azure.md, section 1).

What a trap says of one resource's own arguments is in test_azure_cell.py; what a refusal or a busy cloud does, in
tests/clouds and tests/unit/test_persisting.py; that nothing which was deleted is made again silently, in
tests/functional/test_run_up.py.
"""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from pulumi_azure_native import storage

from cellctl import facts
from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.engine.classify import is_busy
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.pending import not_yet
from cellctl.spec.reef import ReefSpec
from cellctl.state.values import SECRET, SIGNATURE
from cellctl_sandbox.clouds.behaviour import behaviour_of, simulated_types

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
REAL = AccountFacts(id=SUBSCRIPTION, tenant=TENANT, role="00000000-0000-0000-0000-000000000003", administrators="g")
SCOPE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-hub/providers"
KEY = f"{SCOPE}/Microsoft.KeyVault/vaults/kv-hub/keys/cells"
PLACE = {
    "reef": "r1", "resource_group": "rg-reef-r1", "cidr": "10.64.0.0/16", "allow": ["10.0.0.0/8"], "internal": True,
    "network": f"{SCOPE}/Microsoft.Network/virtualNetworks/v", "zones": dict.fromkeys(("file", "vault"), "zone"),
    "host": "reef-r1-sql-1", "server": "s.database.windows.net", "pool": "pool", "number": 0, "database": "d",
}  # fmt: skip
LONG = "the-longest-name-that-a-cell-has"
SINGLETONS = {
    "storage:FileServiceProperties": {"fileServicesName": "default"},
    "storage:BlobServiceProperties": {"blobServicesName": "default"},
    "sql:BackupShortTermRetentionPolicy": {"policyName": "default"},
    "sql:LongTermRetentionPolicy": {"policyName": "default"},
    "sql:TransparentDataEncryption": {"tdeName": "current"},
    "sql:ExtendedServerBlobAuditingPolicy": {"blobAuditingPolicyName": "default"},
    "sql:ServerAzureADAdministrator": {"administratorName": "ActiveDirectory"},
    "sql:ServerAzureADOnlyAuthentication": {"authenticationName": "Default"},
    "sql:ServerSecurityAlertPolicy": {"securityAlertPolicyName": "Default"},
    "sql:EncryptionProtector": {"encryptionProtectorName": "current"},
}
_IN_GROUP = {"resourceGroupName"}
_OF_DATABASE = {"databaseName", "serverName", *_IN_GROUP}
REPLACED_BY = {
    "resources:ResourceGroup": {*_IN_GROUP, "location"},
    "managedidentity:UserAssignedIdentity": {"resourceName", *_IN_GROUP, "location"},
    "network:VirtualNetwork": {"virtualNetworkName", *_IN_GROUP, "location"},
    "network:PublicIPAddress": {
        "publicIpAddressName", *_IN_GROUP, "location", "sku", "publicIPAddressVersion", "publicIPPrefix",
    },
    "network:PrivateEndpoint": {"privateEndpointName", *_IN_GROUP, "subnet"},
    "network:NetworkSecurityGroup": {"networkSecurityGroupName", *_IN_GROUP},
    "network:NatGateway": {"natGatewayName", *_IN_GROUP},
    "network:LoadBalancer": {"loadBalancerName", *_IN_GROUP},
    "network:NetworkInterface": {"networkInterfaceName", *_IN_GROUP},
    "sql:Server": {"serverName", *_IN_GROUP, "location", "administratorLogin", "administrators"},
    "sql:Database": {
        *_OF_DATABASE, "location", "collation", "catalogCollation", "createMode", "sampleName", "identity",
        "sourceDatabaseId", "sourceResourceId", "restorePointInTime", "sourceDatabaseDeletionDate",
        "recoveryServicesRecoveryPointId", "longTermRetentionBackupResourceId", "recoverableDatabaseId",
        "restorableDroppedDatabaseId",
    },
    "sql:ElasticPool": {"elasticPoolName", "serverName", *_IN_GROUP, "location"},
    "sql:FailoverGroup": {"failoverGroupName", "serverName", *_IN_GROUP},
    "storage:StorageAccount": {"accountName", *_IN_GROUP, "location", "isHnsEnabled"},
    "storage:FileShare": {"shareName", "accountName", *_IN_GROUP, "enabledProtocols"},
    "keyvault:Vault": {"vaultName", *_IN_GROUP, "location"},
    "keyvault:Secret": {"secretName", "vaultName", *_IN_GROUP},
    "compute:VirtualMachine": {"vmName", *_IN_GROUP},
    "privatedns:PrivateZone": {"privateZoneName", *_IN_GROUP, "location"},
    "privatedns:VirtualNetworkLink": {"virtualNetworkLinkName", "privateZoneName", *_IN_GROUP, "location"},
    "authorization:RoleAssignment": {"roleAssignmentName", "scope", "principalId"},
    "authorization:ManagementLockByScope": {"lockName", "scope"},
    "redisenterprise:RedisEnterprise": {"clusterName", *_IN_GROUP, "location"},
}  # fmt: skip
"""What makes the provider delete an object and make another (azure.md 2): nothing in its SDK says so."""
IMMUTABLE_IN_AZURE_ALONE = {
    "network:LoadBalancer": {"location", "sku"},
    "network:NetworkSecurityGroup": {"location"},
    "network:NetworkInterface": {"location"},
    "network:NatGateway": {"location"},
    "storage:StorageAccount": {"kind"},
    "compute:VirtualMachine": {"zones"},
}


def _wanted() -> Iterator[Wanted]:
    yield Wanted(level="account", spec=AccountSpec.of("prod", cloud="azure", region="westeurope").to_json())
    reef = {"cloud": "azure", "account": "sandbox", "region": "westeurope"}
    yield Wanted(level="reef", spec=ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": reef}).to_json())
    public = {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"}
    kept = {
        "database": {"failover": {"region": "northeurope"}, "longTerm": {"weeks": 4}},
        "protection": {"key": KEY},
        "storage": {"snapshotDays": 30, "kinds": {"taskLogs": {"storageAccount": "logs", "tier": "standard_v2"}}},
    }
    for name, body in (
        ("acme", {}), (LONG, {"ingress": public}), ("acme", kept), ("acme", {"nodes": {"os": "linux"}}),
        ("acme", {"ingress": {"polling": "redis", "grpc": True}}), ("acme", {"placement": {"reef": "r1"}}),
    ):  # fmt: skip
        spec = CellSpec.model_validate({"metadata": {"name": name}, "spec": {**reef, **body}})
        site = {"network": "", "key": KEY, "keyVersion": "v1"} if "protection" in body else None
        yield Wanted(level="cell", spec=spec.to_json(), place=PLACE if "placement" in body else None, site=site)


@pytest.fixture(scope="module")
def programs(record):
    return [record(declaring(load("azure"), wanted, REAL)) for wanted in _wanted()]


@pytest.fixture(scope="module")
def declared(programs):
    """Return every resource of azure-native that any program declares."""
    return [each for program in programs for each in program.all if each.type.startswith("azure-native:")]


def known(each: object) -> facts.TypeFacts:
    found = facts.of(each.type)  # type: ignore[attr-defined]
    assert found is not None, each
    return found


def accepts(token: str) -> Mapping[str, inspect.Parameter]:
    """Return what a class of the SDK takes."""
    _, module, name = token.split(":")
    kind = getattr(importlib.import_module(f"pulumi_azure_native.{module.lower()}"), name)
    return inspect.signature(kind._internal_init).parameters


def test_1_1_a_replacement_deletes_first_so_what_holds_data_is_protected(declared) -> None:
    bare = {each.type for each in declared if known(each).stateful and not each.request.protect}
    assert bare == set()


def test_1_2_a_parent_or_a_group_of_another_name_is_known_to_replace(declared) -> None:
    for each in declared:
        for key in (
            "resourceGroupName",
            "accountName",
            "serverName",
            "vaultName",
            "databaseName",
            "virtualNetworkName",
        ):
            if key in each.inputs:
                assert key in known(each).replaces, (each.type, key)


@pytest.mark.parametrize("kind", REPLACED_BY)
def test_1_3_whatever_replaces_is_known_because_no_sdk_tells(kind: str) -> None:
    found = facts.of(f"azure-native:{kind}")
    assert found is not None
    assert found.replaces == REPLACED_BY[kind], "one too few destroys data unasked, one too many refuses a change"


@pytest.mark.parametrize("kind", IMMUTABLE_IN_AZURE_ALONE)
def test_1_4_what_azure_refuses_and_the_provider_does_not_know_is_frozen(kind: str) -> None:
    found = facts.of(f"azure-native:{kind}")
    assert found is not None
    assert found.immutable | found.replaces >= IMMUTABLE_IN_AZURE_ALONE[kind]


def test_1_5_nothing_is_named_by_the_provider(declared) -> None:
    for each in declared:
        named = [key for key in known(each).names if key in accepts(each.type) or key in each.inputs]
        assert all(each.plain.get(key) for key in named), (each.type, each.name, named)


def test_1_6_every_location_is_said(declared) -> None:
    for each in declared:
        if "location" in accepts(each.type):
            assert each.plain.get("location"), (each.type, each.name)


def test_1_7_only_what_azure_makes_itself_is_taken_over() -> None:
    """The simulated cloud refuses a second creation of everything else (tests/clouds/test_matrix.py)."""
    simulated = {token.removeprefix("azure-native:") for token in simulated_types("azure")}
    adopting = {one for one in simulated if behaviour_of(f"azure-native:{one}").adopts}
    assert adopting == {*SINGLETONS, "sql:DatabaseAdvisor"} & simulated
    assert {"storage:FileServiceProperties", "sql:BackupShortTermRetentionPolicy"} < adopting
    assert not {token for token in adopting if token.endswith(("Server", "Database", "StorageAccount", "Vault"))}


def test_1_8_what_azure_serialises_is_not_asked_for_at_once(programs) -> None:
    """Subnets are inside their network; of private endpoints each waits for one before it, until the first."""
    for program in programs:
        assert not program.of("Subnet")
        endpoints = {each.name: program.dependencies(each) for each in program.of("PrivateEndpoint")}
        firsts = [name for name, needs in endpoints.items() if not needs & {*endpoints}]
        assert len(firsts) == (1 if endpoints else 0), firsts
        followed = [one for needs in endpoints.values() for one in _nearest(endpoints, needs)]
        assert len(followed) == len(set(followed)), "two that follow one are made at once"


def _nearest(endpoints: Mapping[str, set[str]], needs: set[str]) -> set[str]:
    """Return of the endpoints among `needs` those that no other one there waits for."""
    known = needs & {*endpoints}
    return known - {one for other in known for one in endpoints[other]}


@pytest.mark.parametrize("code", ["RetryableError", "AnotherOperationInProgress", "ReferencedResourceNotProvisioned"])
def test_1_8_a_race_that_leaks_out_is_known_as_one(code: str) -> None:
    assert is_busy(f"autorest/azure: Service returned an error. Status=429 Code={code!r}")
    assert not is_busy("StorageAccountAlreadyTaken: the name is taken")


def test_1_9_names_are_such_as_azure_takes(declared) -> None:
    for each in declared:
        for key, pattern in known(each).names.items():
            if isinstance(each.plain.get(key), str):
                assert re.fullmatch(pattern, str(each.plain[key])), (each.type, key, each.plain[key])


def test_1_10_singletons_have_their_one_name(declared) -> None:
    seen = set()
    for each in declared:
        kind = each.type.removeprefix("azure-native:")
        for key, value in SINGLETONS.get(kind, {}).items():
            seen.add(kind)
            assert each.plain[key] == value, each.name
    assert len(seen) >= 4


def test_1_11_no_secret_hides_in_an_argument_that_is_none(declared) -> None:
    """A secret inside makes the whole argument one, and every later difference in it is unreadable."""

    def inside(value: object) -> bool:
        if isinstance(value, dict):
            return value.get(SIGNATURE) == SECRET or any(inside(item) for item in value.values())
        return isinstance(value, list) and any(inside(item) for item in value)

    for each in declared:
        for key, value in each.inputs.items():
            whole = isinstance(value, dict) and value.get(SIGNATURE) == SECRET
            assert whole or not inside(value), (each.type, each.name, key)


def test_1_13_no_type_has_a_version_and_the_sdk_has_one(declared) -> None:
    assert not [each.type for each in declared if re.search(r"/v?20\d{6}", each.type)]
    root = Path(__file__).resolve().parents[3]
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extras["azure"] == [f"pulumi-azure-native=={version('pulumi-azure-native')}"]


def test_1_14_one_provider_names_subscription_tenant_and_application_and_signs_in_with_no_key(programs) -> None:
    for program in programs:
        (provider,) = [each for each in program.all if each.type == "pulumi:providers:azure-native"]
        told = provider.plain
        assert (told["subscriptionId"], told["tenantId"]) == (SUBSCRIPTION, TENANT)
        assert told["disablePulumiPartnerId"] == "true"
        assert not {"clientSecret", "clientCertificatePath", "oidcToken"} & set(told)
        assert told["location"] == "westeurope"
        for each in program.all:
            if each.type.startswith("azure-native:"):
                assert each.provider.startswith(provider.urn), each.name


def test_shares_are_not_opened_with_an_identity_as_long_as_the_sdk_cannot_say_so() -> None:
    """Where this fails the SDK has moved: offer `storage.authentication: identity` then, and delete the refusal."""
    known = inspect.signature(storage.AzureFilesIdentityBasedAuthenticationArgs.__init__).parameters
    assert set(known) == {
        "__self__", "directory_service_options", "active_directory_properties", "default_share_permission",
    }  # fmt: skip
    for system in ("windows", "linux"):
        spec = CellSpec.model_validate({
            "metadata": {"name": "acme"},
            "spec": {
                "cloud": "azure", "account": "sandbox", "region": "westeurope", "nodes": {"os": system},
                "storage": {"authentication": "identity"},
            },
        })  # fmt: skip
        (problem,) = not_yet(spec)
        assert problem.field == "spec.storage.authentication"
        assert f"pulumi-azure-native {version('pulumi-azure-native')} cannot turn it on" in problem.message
        assert problem.hint == "use authentication: key"
