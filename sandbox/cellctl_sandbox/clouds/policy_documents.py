"""`aws.iam.getPolicyDocument`: a policy document from its parts, as the provider writes it. It asks no cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cellctl.state.values import Struct, Value

TOKEN = "aws:iam/getPolicyDocument:getPolicyDocument"  # noqa: S105
_LISTS = (
    ("actions", "Action"),
    ("notActions", "NotAction"),
    ("resources", "Resource"),
    ("notResources", "NotResource"),
)


def document(arguments: Struct) -> Struct:
    """Return `json`, `minifiedJson` and `id` of the document that the arguments describe."""
    statements: list[Value] = [
        *(item for text in _items(arguments.get("sourcePolicyDocuments")) for item in _parsed(text)),
        *(_statement(item) for item in _items(arguments.get("statements")) if isinstance(item, dict)),
    ]
    for text in _items(arguments.get("overridePolicyDocuments")):
        for over in _parsed(text):
            statements = [item for item in statements if not _sid(over) or _sid(item) != _sid(over)] + [over]
    made: Struct = {"Version": arguments.get("version") or "2012-10-17"}
    if arguments.get("policyId"):
        made["Id"] = arguments["policyId"]
    made["Statement"] = statements
    short = json.dumps(made, separators=(",", ":"))
    return {"json": json.dumps(made, indent=2), "minifiedJson": short, "id": str(len(short))}


def _statement(given: Struct) -> Struct:
    made: Struct = {"Sid": given["sid"]} if given.get("sid") else {}
    made["Effect"] = given.get("effect") or "Allow"
    for name, written in _LISTS:
        if given.get(name):
            made[written] = _short(given[name])
    for name, written in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(name):
            made[written] = _principals(given[name])
    if given.get("conditions"):
        made["Condition"] = _conditions(given["conditions"])
    return made


def _principals(given: Value) -> Value:
    found: Struct = {}
    for item in _items(given):
        if isinstance(item, dict):
            if item.get("type") == "*":
                return "*"
            found[str(item.get("type"))] = _short(item.get("identifiers"))
    return found


def _conditions(given: Value) -> Struct:
    found: dict[str, Struct] = {}
    for item in _items(given):
        if isinstance(item, dict):
            found.setdefault(str(item.get("test")), {})[str(item.get("variable"))] = _short(item.get("values"))
    return {**found}


def _short(given: Value) -> Value:
    """Return a list as a policy has it: one item stands alone."""
    items = _items(given)
    return items[0] if len(items) == 1 else items


def _items(given: Value) -> list[Value]:
    return given if isinstance(given, list) else []


def _parsed(text: Value) -> Iterator[Value]:
    document = json.loads(str(text))
    listed = document.get("Statement") if isinstance(document, dict) else None
    yield from _items(listed) if isinstance(listed, list) else [listed] if listed else []


def _sid(statement: Value) -> str:
    return str(statement.get("Sid") or "") if isinstance(statement, dict) else ""
