"""Every promise of Azure is kept by its program: what each witness names is declared, for cells of every kind."""

from __future__ import annotations

import pytest

from cellctl.clouds import AccountFacts, load
from cellctl.facts.promises import promises, unkept
from cellctl.spec import CellSpec

WEB = {"balancer": "application_gateway", "certificate": "https://kv-hub.vault.azure.net/secrets/web"}
SITE = {
    "network": "",
    "certificateVault": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub",
}
KINDS: dict[str, dict[str, object]] = {
    "trial": {"preset": "trial"},
    "standard": {},
    "gold": {"preset": "gold"},
    "copied": {"database": {"geoBackup": True}},
    "one zone": {"database": {"multiZone": False}},
    "a copy elsewhere": {"database": {"failover": {"region": "northeurope"}, "longTerm": {"weeks": 4}}},
    "disks": {"storage": {"tier": "standard_v2"}},
    "logs apart": {"storage": {"kinds": {"taskLogs": {"storageAccount": "logs", "tier": "standard_v2"}}}},
    "snapshots": {"storage": {"snapshotDays": 30}},
    "a password": {"database": {"authentication": "sql"}},
    "one polling address": {"ingress": {"polling": "redis"}},
    "a web gateway": {"ingress": WEB},
    "a web gateway without a firewall": {"ingress": {**WEB, "firewall": "off"}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_its_program_keeps_what_is_promised(kind: str, record) -> None:
    body = {"cloud": "azure", "account": "sandbox", "region": "westeurope", **KINDS[kind]}
    layout = load("azure").layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}), site=SITE)
    account = AccountFacts(id="00000000-0000-0000-0000-000000000001", sandbox=True)
    recorded = record(lambda: load("azure").program(layout, account))
    given = promises("azure", layout.to_json())
    declared = [(item.type, item.plain) for item in recorded.all]
    assert unkept(given, declared) == []
    for promise in given:
        for witness in promise.witnesses:
            others = [(type_, inputs) for type_, inputs in declared if type_ != witness.type]
            assert unkept([promise], others), promise
