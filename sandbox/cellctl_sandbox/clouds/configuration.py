"""Where a configured provider works: account, region, tenant and default tags, from its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.records import Tenancy

DEFAULT_ACCOUNTS = {"aws": "000000000000", "azure-native": "00000000-0000-4000-8000-000000000000"}
DEFAULT_REGIONS = {"aws": "eu-west-1", "azure-native": "westeurope"}
DEFAULT_TENANT = "00000000-0000-4000-8000-0000000000ff"


def unconfigured(package: str) -> Tenancy:
    """Return where a provider works that was told nothing."""
    return Tenancy(
        package=package,
        account=DEFAULT_ACCOUNTS.get(package, ""),
        region=DEFAULT_REGIONS.get(package, ""),
        tenant=DEFAULT_TENANT,
    )


def configured(base: Tenancy, variables: Mapping[str, str], arguments: Struct) -> Tenancy:
    """Return where a provider works that was told `variables` (`aws:config:region`) and `arguments` (`region`)."""
    values = {key.rpartition(":")[2]: value for key, value in variables.items()}
    values = {**values, **{key: _text(value) for key, value in arguments.items()}}
    return replace(
        base,
        account=_account(base.package, values) or base.account,
        region=values.get("region") or values.get("location") or base.region,
        tenant=values.get("tenantId") or base.tenant,
        default_tags=_default_tags(values.get("defaultTags", "")),
    )


def located(variables: Mapping[str, str], arguments: Struct) -> str:
    """Return the location that a provider of Azure was told, `` if none."""
    told = {key.rpartition(":")[2]: value for key, value in variables.items()}
    given = arguments.get("location")
    return given if isinstance(given, str) else told.get("location", "")


def _text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _account(package: str, values: Mapping[str, str]) -> str:
    if package != "aws":
        return values.get("subscriptionId", "")
    try:
        listed: Value = json.loads(values.get("allowedAccountIds") or "[]")
    except ValueError:
        return ""
    return str(listed[0]) if isinstance(listed, list) and listed else ""


def _default_tags(text: str) -> tuple[tuple[str, str], ...]:
    try:
        tags = at(json.loads(text or "{}"), "tags")
    except ValueError:
        return ()
    return tuple((key, str(value)) for key, value in tags.items()) if isinstance(tags, dict) else ()
