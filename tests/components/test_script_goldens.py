"""What machines run at boot, whole, as it was reviewed: templates with every option put together.

A change of a template shows here as what a machine would run otherwise. Where that is meant, this writes it anew:
`.venv/bin/python tests/components/test_script_goldens.py`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cellctl.spec import CellSpec
from cellctl_components.aws.bootstrap import Boot, References, user_data
from cellctl_components.aws.resolve import layout
from cellctl_components.azure import bootstrap
from cellctl_components.azure.layout import azure_layout

FOLDER = Path(__file__).parent / "golden"
IDS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts"


def on_aws(**body: object) -> str:
    spec = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **body}
    cell = layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": spec}))
    references = References(
        server="sql.example", login_secret="arn:login", key_secret="arn:key", administrator_secret="arn:admin",
        guest_secret="arn:guest", gateway_id="sgw-1", queue="queue.example", queue_secret="arn:queue",
    )  # fmt: skip
    return user_data(Boot.of(cell), cell.nodes.items[0], references)


def told_on_azure() -> str:
    """Return what the first node of a cell with files apart is told, as user data holds it."""
    spec = {
        "cloud": "azure", "account": "sandbox", "region": "westeurope",
        "storage": {"kinds": {"taskLogs": {"storageAccount": "logs"}}},
    }  # fmt: skip
    cell = azure_layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": spec}))
    facts = bootstrap.BootFacts(
        cell="acme", host=cell.ingress.host, octopus_version=cell.octopus_version, vault_host="kv.vault.azure.net",
        sql_host="sql.database.windows.net", database=cell.database.name, file_host="stacme.file.core.windows.net",
        storage_account_id=f"{IDS}/stacme", accounts={"stlogs.file.core.windows.net": f"{IDS}/stlogs"},
        identity_client_id="client", shares={"packages": r"\\stacme.file.core.windows.net\packages"},
        master_key_secret="octopus-master-key", administrator="admin", email="a@example.com",
        administrator_password_secret="octopus-administrator-password", certificate="",
    )  # fmt: skip
    encoded = base64.b64encode(json.dumps(bootstrap.facts_of(facts, cell.nodes[0], "windows")).encode()).decode()
    return json.dumps(bootstrap.decode(encoded), indent=1, sort_keys=True) + "\n"


RENDERED = {
    "aws-windows-nfs.ps1": on_aws(),
    "aws-windows-smb.ps1": on_aws(storage={"protocol": "smb"}),
    "aws-linux-redis.sh": on_aws(nodes={"os": "linux"}, ingress={"polling": "redis"}),
    "azure-windows.ps1": bootstrap.script(queued=True, grpc=True, password=True, apart=True),
    "azure-linux.sh": bootstrap.script("linux", password=True),
    "azure-windows.json": told_on_azure(),
}


@pytest.mark.parametrize("name", RENDERED)
def test_what_a_machine_runs_is_what_was_reviewed(name: str) -> None:
    assert RENDERED[name] == (FOLDER / name).read_text(encoding="utf-8")


def test_no_golden_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(RENDERED)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in RENDERED.items():
        (FOLDER / file).write_text(text, encoding="utf-8")
