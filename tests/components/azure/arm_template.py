"""What a program declares as a template of Azure Resource Manager, for tools that read nothing else.

Types, names and their nesting are read from the ids that the sandbox gives (`clouds/azure/*.toml`); what stands beside
`properties` in every type, and what azure-native calls by another name, is listed here (reference/azure.md 1.12).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cellctl_sandbox.clouds.behaviour import behaviour_of

BESIDE = ("location", "tags", "sku", "kind", "identity", "zones", "scope")
RENAMED = {"enableHttpsTrafficOnly": "supportsHttpsTrafficOnly", "networkRuleSet": "networkAcls"}
API_VERSIONS = {
    "Microsoft.Network": "2024-05-01", "Microsoft.Sql": "2023-08-01", "Microsoft.Storage": "2024-01-01",
    "Microsoft.KeyVault": "2024-11-01", "Microsoft.Compute": "2024-11-01",
}  # fmt: skip
"""Those of azure-native 3.29.0 (reference/azure.md 1.13); others have one that no check looks at."""
_PLACE = re.compile(r"\{([A-Za-z]+)\}")
Inputs = Mapping[str, object]


def exported(declared: Iterable[tuple[str, Inputs]]) -> dict[str, object]:
    """Return the template of `declared`, pairs of a Pulumi token and its inputs in clear."""
    found = [_resource(token, inputs) for token, inputs in declared if token.startswith("azure-native:")]
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [one for one in found if one is not None],
    }


def _resource(token: str, inputs: Inputs) -> dict[str, object] | None:
    id_form = str(behaviour_of(token).id)
    words = id_form.rpartition("/providers/")[2].split("/")
    if "/providers/" not in id_form:  # a resource group holds the template
        return None
    kinds, names = words[1::2], [_PLACE.sub(lambda found: str(inputs.get(found[1], "")), word) for word in words[2::2]]
    used = set(_PLACE.findall(id_form))
    rest = {RENAMED.get(key, key): value for key, value in inputs.items() if key not in (*used, *BESIDE)}
    if words[0] == "Microsoft.Network":
        rest = {key: _nested(value) for key, value in rest.items()}
    inner = rest.pop("properties", None)
    return {
        "type": "/".join([words[0], *kinds]),
        "apiVersion": API_VERSIONS.get(words[0], "2023-01-01"),
        "name": "/".join(names),
        **{key: inputs[key] for key in BESIDE if key in inputs},
        "properties": {**rest, **(inner if isinstance(inner, Mapping) else {})},
    }


def _nested(value: object) -> object:
    """Return parts of a network object (rules, subnets, probes) as Resource Manager has them: a name and properties."""
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if isinstance(value, dict) and "name" in value and len(value) > 1 and "tier" not in value:
        return {"name": value["name"], "properties": {key: item for key, item in value.items() if key != "name"}}
    return value
