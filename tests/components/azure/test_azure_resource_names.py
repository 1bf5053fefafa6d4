"""Logical names and type tokens are public API: docs/resource-names.md lists exactly what the program declares."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from cellctl.clouds import AccountFacts, load
from cellctl.spec import CellSpec

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "resource-names.md"
KEY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub/keys/cells"
WEB = {"balancer": "application_gateway", "certificate": "https://kv-hub.vault.azure.net/secrets/web"}
BEGIN, END = "<!-- azure: begin -->", "<!-- azure: end -->"


def program_of(**body: object) -> Callable[[], None]:
    cloud = load("azure")
    spec = CellSpec.model_validate(
        {"metadata": {"name": "acme"}, "spec": {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}}
    )
    site = {"network": "", "key": KEY, "keyVersion": "v1", "certificateVault": KEY.partition("/keys/")[0]}
    layout = cloud.layout(spec, site=site)
    return lambda: cloud.program(layout, AccountFacts(id="00000000-0000-0000-0000-000000000001", sandbox=True))


def general(name: str) -> str:
    """Return a name with CELL, N (ordinal of a node), Z (zone), LABEL (account apart) for what differs by cell."""
    name = re.sub(r"^acme(?=-|$)", "CELL", name)
    name = re.sub(r"^CELL-(files|backups)-feed(?=-|$)", r"CELL-\1-LABEL", name)
    name = re.sub(r"(?<=LABEL-)packages$", "KIND", name)
    name = re.sub(r"^(CELL-alarms-(?:files|share-full)-[a-z]+)-feed$", r"\1-LABEL", name)
    name = re.sub(r"^(CELL-alarms-share-full)-[a-z]+", r"\1-KIND", name)
    name = re.sub(r"-(nat|nat-exhausted)-\d", r"-\1-Z", name)
    return re.sub(r"-(node|machine-down)-\d", r"-\1-N", name)


def rows(*recordings: object) -> list[str]:
    found = {}
    for recording in recordings:
        for each in recording.all:  # type: ignore[attr-defined]
            protected = "yes" if each.request.protect else ""
            found[general(each.name), each.type] = f"| `{general(each.name)}` | `{each.type}` | {protected} |"
    return [found[key] for key in sorted(found)]


def test_the_document_lists_every_name_and_token(record) -> None:
    public = {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"}
    options = {"polling": "redis"}
    apart = {"kinds": {"packages": {"storageAccount": "feed"}}, "snapshotDays": 30}
    kept = {"longTerm": {"weeks": 12}, "failover": {"region": "northeurope"}}
    wanted = rows(
        record(program_of()),
        record(program_of(ingress=public, nodes={"count": 4})),
        record(program_of(storage=apart)),
        record(program_of(ingress=options, database=kept, protection={"key": KEY})),
        *(record(program_of(ingress={**where, **WEB})) for where in (public, {})),
    )
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition(BEGIN)[2].partition(END)[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == wanted
