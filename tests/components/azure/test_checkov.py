"""A second opinion on what a cell on Azure declares: checkov, over templates of Resource Manager, with reasons."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from arm_template import exported

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.reef import ReefSpec

HERE = Path(__file__).parent
REASONS = tomllib.loads((HERE / "checkov.toml").read_text(encoding="utf-8"))
ALLOWED, PASSWORD = REASONS["allowed"], REASONS["password"]
KEY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub/keys/cells"
WEB = {"balancer": "application_gateway", "certificate": "https://kv-hub.vault.azure.net/secrets/web"}
ACCOUNT = AccountFacts(id="00000000-0000-0000-0000-000000000001", sandbox=True)
CELLS: dict[str, dict[str, object]] = {
    "standard": {},
    "options": {
        "nodes": {"os": "linux"}, "protection": {"key": KEY},
        "ingress": {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "a.example.com", "polling": "redis"},
        "database": {"failover": {"region": "northeurope"}, "longTerm": {"weeks": 4}},
    },
    "web gateway": {"ingress": {**WEB, "exposure": "public", "allow": ["20.30.40.0/24"], "host": "a.example.com"}},
    "password": {"database": {"authentication": "sql"}, "storage": {"tier": "standard_v2"}},
    "files": {
        "protection": {"key": KEY},
        "storage": {"snapshotDays": 30, "kinds": {"taskLogs": {"storageAccount": "logs", "tier": "standard_v2"}}},
    },
}  # fmt: skip


def template(record, body: dict[str, object]) -> dict[str, object]:
    cloud = load("azure")
    whole = {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}
    spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": whole})
    site = {"network": "", "key": KEY, "keyVersion": "v1", "certificateVault": KEY.partition("/keys/")[0]}
    layout = cloud.layout(spec, site=site)
    recorded = record(lambda: cloud.program(layout, ACCOUNT))
    return exported([(item.type, item.plain) for item in recorded.all])


def shared(record) -> dict[str, dict[str, object]]:
    """Return the templates of a reef and of what a subscription needs first."""
    reef = {"cloud": "azure", "account": "sandbox", "region": "westeurope", "database": {"authentication": "sql"}}
    wanted = {
        "reef": ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": reef}),
        "account": AccountSpec.of("prod", cloud="azure", region="westeurope"),
    }
    return {
        level: exported(
            [
                (item.type, item.plain)
                for item in record(declaring(load("azure"), Wanted(level=level, spec=spec.to_json()), ACCOUNT)).all
            ]
        )
        for level, spec in wanted.items()
    }


def failed(folder: Path) -> dict[str, dict[str, set[str]]]:
    """Return what checkov finds wrong in which template, by the id of a check."""
    own = HERE.parents[2] / ".venv-checkov" / "bin" / "checkov"
    program = str(own) if own.exists() else shutil.which("checkov")
    assert program is not None
    ended = subprocess.run(
        [program, "--framework", "arm", "--directory", str(folder), "--output", "json", "--quiet", "--compact",
         "--skip-download"],
        capture_output=True, text=True, check=False, timeout=300,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )  # fmt: skip
    report = json.loads(ended.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 50
    found: dict[str, dict[str, set[str]]] = {}
    for one in report["results"]["failed_checks"]:
        here = found.setdefault(Path(one["file_path"]).stem, {})
        here.setdefault(one["check_id"], set()).add(f"{one['check_name']}: {one['resource']}")
    return found


@pytest.mark.needs("checkov")
def test_checkov_finds_nothing_that_has_no_reason_and_sees_a_mistake(record, tmp_path: Path) -> None:
    texts = {name: json.dumps(template(record, body)) for name, body in CELLS.items()}
    texts |= {level: json.dumps(found) for level, found in shared(record).items()}
    spoilt = texts["standard"].replace('"minimumTlsVersion": "TLS1_2"', '"minimumTlsVersion": "TLS1_0"')
    texts["spoilt"] = spoilt.replace('"enablePurgeProtection": true', '"enablePurgeProtection": false')
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    found = failed(tmp_path)
    assert set(found) == set(texts)
    for name in set(texts) - {"spoilt"}:
        allowed = {**ALLOWED, **(PASSWORD if name in {"password", "reef"} else {}), **REASONS.get(name, {})}
        assert {id: where for id, where in found[name].items() if id not in allowed} == {}, name
    assert set(REASONS["account"]) <= {*found["account"]}, "a reason that is not needed"
    assert set(PASSWORD) <= {*found["password"]}
    assert set(ALLOWED) <= {*found["standard"], *found["options"]}, "a reason that is not needed"
    assert {"CKV_AZURE_44", "CKV_AZURE_110"} <= set(found["spoilt"])


def test_a_template_names_what_lies_in_what(record) -> None:
    whole = template(record, {})
    found = {one["type"]: one for one in whole["resources"]}  # type: ignore[union-attr,call-overload,index]
    share = found["Microsoft.Storage/storageAccounts/fileServices/shares"]
    assert share["name"].count("/") == 2  # account, its one file service, share
    assert "accountName" not in share["properties"]
    assert found["Microsoft.Storage/storageAccounts"]["properties"]["supportsHttpsTrafficOnly"] is True
    group = found["Microsoft.Network/networkSecurityGroups"]["properties"]["securityRules"][0]
    assert set(group) == {"name", "properties"}
    assert all(reason for table in REASONS.values() for reason in table.values())
