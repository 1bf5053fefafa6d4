"""What people put into an account themselves before a cell needs it: a secret on AWS, a vault for secrets on Azure."""

from __future__ import annotations

import re
import uuid

from cellctl.errors import UsageError
from cellctl.state.values import Struct
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.access import operator_of
from cellctl_sandbox.clouds.behaviour import behaviour_of
from cellctl_sandbox.clouds.checking import GROUP
from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.clouds.world import World
from cellctl_sandbox.iam.azure import ASSIGNMENT, VAULT

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105  a type token
HINT = (
    "say arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME or https://VAULT.vault.azure.net/secrets/NAME; "
    "`cellctl outputs` prints the references of a cell's secrets"
)
_ARN = re.compile(
    r"arn:aws:secretsmanager:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):secret:(?P<name>[A-Za-z0-9/_+=.@-]{1,512})"
)
_URI = re.compile(r"https://(?P<vault>[a-zA-Z][a-zA-Z0-9-]{2,23})\.vault\.azure\.net/secrets/[0-9a-zA-Z-]{1,127}")
_GROUP = "rg-own"
_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
"""Key Vault Secrets Officer (Microsoft Learn, Azure built-in roles, 2026-11)."""


def ensure(database: Database, reference: str, now_s: float) -> bool:
    """Make the secret (AWS) or the vault (Azure) of a reference where it is not there; tell whether it was made.

    A vault comes with the role of whoever runs cellctl on it; its secrets come with their first value.

    Raises:
        UsageError: It is no complete reference, or the simulated cloud refuses its name.
    """
    arn, uri = _ARN.fullmatch(reference), _URI.fullmatch(reference)
    if arn is None and uri is None:
        raise UsageError(f"'{reference}' says no secret of an account", hint=HINT, code="unknown_secret")
    try:
        return _secret(database, arn, now_s) if arn else uri is not None and _vault(database, uri["vault"], now_s)
    except ProviderError as error:
        raise UsageError(error.message, hint="say another name", code="unknown_secret") from error


def _secret(database: Database, arn: re.Match[str], now_s: float) -> bool:
    known = [str(item.outputs.get("arn")) for item in records(database, SECRET)]
    if any(arn[0] in (one, one[:-7]) for one in known):
        return False
    if re.search(r"-[A-Za-z0-9]{6}$", arn["name"]):
        raise UsageError(
            f"there is no secret {arn[0]}",
            hint="AWS takes what ends with a hyphen and six characters for a complete ARN: say another name",
            code="unknown_secret",
        )
    place = Tenancy(package="aws", account=arn["account"], region=arn["region"])
    create(database, place, SECRET, {"name": arn["name"]}, now_s)
    return True


def _vault(database: Database, name: str, now_s: float) -> bool:
    if any(item.id.rpartition("/")[2].lower() == name.lower() for item in records(database, VAULT)):
        return False
    rows = database.rows("SELECT account, region FROM objects WHERE package = 'azure-native' AND account != '' LIMIT 1")
    usual = unconfigured("azure-native")
    account, region = (str(one) for one in (rows[0] if rows else (usual.account, usual.region)))
    place = Tenancy(package="azure-native", account=account, region=region or usual.region, tenant=usual.tenant)
    if not any(item.id.endswith(f"/{account}/resourceGroups/{_GROUP}") for item in records(database, GROUP)):
        create(database, place, GROUP, {"resourceGroupName": _GROUP, "location": place.region}, now_s)
    properties: Struct = {"enableRbacAuthorization": True, "sku": {"family": "A", "name": "standard"}}
    properties |= {"tenantId": usual.tenant}
    inputs: Struct = {"resourceGroupName": _GROUP, "vaultName": name, "location": place.region}
    vault = create(database, place, VAULT, inputs | {"properties": properties}, now_s)
    role: Struct = {
        "scope": vault.id,
        "roleAssignmentName": str(uuid.uuid5(uuid.NAMESPACE_URL, vault.id)),
        "roleDefinitionId": f"/subscriptions/{account}/providers/Microsoft.Authorization/roleDefinitions/{_OFFICER}",
        "principalId": operator_of(vault.id),
    }
    create(database, place, ASSIGNMENT, role, now_s)
    return True


def create(database: Database, place: Tenancy, type_: str, inputs: Struct, now_s: float) -> CloudRecord:
    """Make an object that no program made: its URN is nobody's, and it belongs to no cell."""
    with database.transaction() as rows:
        world = World(database, rows, place, now_s)
        return world.create(behaviour_of(type_), "", inputs, Timeline(now_s, now_s))
