"""An account whose state is no folder of this machine: everything goes through the CLI, here a recording one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from warm import client

from cellctl.engine.workspace import stack_name
from cellctl.state.values import SECRET, SIGNATURE
from cellctl.testing import FakeCli

HOME = """accounts:
  prod: {cloud: aws, id: "123456789012", state: "s3://cells-state", secrets: "awskms://alias/cells"}
"""
CELL = "metadata: {name: acme}\nspec: {cloud: aws, account: prod, region: %s}\n"
PREFIX = "urn:pulumi:cell-acme::octopus-cells::"
BUCKET, VPC = f"{PREFIX}aws:s3/bucket:Bucket::files", f"{PREFIX}aws:ec2/vpc:Vpc::network"
STACK = f"{PREFIX}pulumi:pulumi:Stack::octopus-cells-cell-acme"


def deployment(*, pending: bool = False) -> dict[str, Any]:
    """Return an export: a bucket, outputs of which one is sealed, and maybe a create that a crash left."""
    record = {"cell": "acme", "cloud": "aws", "account": "prod", "region": "eu-west-1", "incarnation": 1, "spec": {}}
    sealed = {SIGNATURE: SECRET, "ciphertext": "v1:abc:def"}
    outputs = {"url": "https://acme.example.com", "password": sealed, "cellctl": record}
    half = {"resource": {"urn": VPC, "custom": True, "type": "aws:ec2/vpc:Vpc"}, "type": "creating"}
    return {
        "manifest": {"time": "2026-11-28T10:00:00Z", "version": "v3.260.0"},
        "secrets_providers": {"type": "cloud", "state": {"url": "awskms://alias/cells", "encryptedkey": "x"}},
        "resources": [
            {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": outputs},
            {"urn": BUCKET, "custom": True, "id": "files-1", "type": "aws:s3/bucket:Bucket", "parent": STACK,
             "protect": True},
        ],
        "pending_operations": [half] if pending else [],
    }  # fmt: skip


APPLY, LOOK = (f"arn:aws:iam::123456789012:role/cellctl-{what}" for what in ("apply", "preview"))
ROLES = HOME.replace("state:", f'apply: {{role: "{APPLY}"}}, preview: {{role: "{LOOK}"}}, state:')


def with_providers(found: dict[str, Any]) -> dict[str, Any]:
    """Return an export whose providers worked as the role that changes, as every `up` leaves them."""
    known = json.dumps([{"roleArn": APPLY, "sessionName": "cellctl-acme"}])
    providers = [
        {"urn": f"{PREFIX}pulumi:providers:{package}::{package}", "custom": True, "id": f"{package}-1",
         "type": f"pulumi:providers:{package}", "inputs": inputs, "outputs": inputs, "parent": STACK}
        for package, inputs in (("aws", {"assumeRoles": known}), ("cellctl", {"awsRole": APPLY}))
    ]  # fmt: skip
    return {**found, "resources": [*found["resources"], *providers]}


class Site:
    """A home on a machine that has never run the cell, and a CLI that answers."""

    def __init__(self, root: Path, region: str = "eu-west-1") -> None:
        self.root = root
        (root / "cellctl.yaml").write_text(HOME)
        (root / "cells").mkdir()
        (root / "cells/acme.yaml").write_text(CELL % region)
        self.cli = FakeCli(root / "bin")

    def has(self, found: dict[str, Any]) -> None:
        self.cli.plays("stack export", stdout=json.dumps({"version": 3, "deployment": found}))

    def __call__(self, *words: str, code: int = 0) -> str:
        environment = {"PATH": str(self.cli.folder), "HOME": str(self.root), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
        done = client.cellctl(*words, cwd=self.root, env=environment)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert done.returncode == code, said
        return said

    def told(self, verb: str) -> tuple[str, str]:
        """Return where the state of the only such command was, and what was in it where that is a folder here."""
        (call,) = [call for call in self.cli.calls() if call.words[0] == verb]
        url = call.environment["PULUMI_BACKEND_URL"]
        files = Path(url.removeprefix("file://")).rglob("*.json") if url.startswith("file://") else ()
        return url, "".join(file.read_text() for file in files)

    def called(self) -> list[str]:
        return [" ".join(call.words[:2]) for call in self.cli.calls()]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_status_cells_and_outputs_read_it(site: Site) -> None:
    site.has(deployment())
    shown = json.loads(site("status", "acme", "--format", "json"))
    assert (shown["state"], shown["resources"], shown["url"]) == ("up", 1, "https://acme.example.com")
    assert json.loads(site("cells", "--format", "json"))["cells"][0]["resources"] == 1
    outputs = json.loads(site("outputs", "acme", "--format", "json"))
    assert outputs == {"url": "https://acme.example.com", "password": "[secret]"}
    (call,) = [call for call in site.cli.calls() if call.words[0] == "stack"][:1]
    assert call.environment["PULUMI_BACKEND_URL"] == "s3://cells-state"
    assert "--show-secrets" not in call.argv


def test_what_the_cli_says_of_a_state_that_cannot_be_read_is_a_warning(site: Site) -> None:
    site.cli.plays("stack export", code=1, stderr="error: read .pulumi/meta.yaml: AccessDenied: not allowed")
    assert "AccessDenied" in " ".join(json.loads(site("status", "acme", "--format", "json"))["warnings"])
    site.cli.plays("stack export", code=6, stderr="error: no stack named 'cell-acme' found")
    assert json.loads(site("status", "acme", "--format", "json"))["state"] == "absent"


def test_down_knows_what_holds_data(site: Site) -> None:
    site.has(deployment())
    said = site("down", "acme", "--yes", code=4)
    assert "1 to DELETE" in said
    assert "files (aws:s3/bucket:Bucket) holds data" in said
    assert "destroy" not in site.called()


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_create_that_ended_early_is_asked_about_and_never_repeated(site: Site, verb: str) -> None:
    site.has(deployment(pending=True))
    said = site(verb, "acme", "--yes", code=4)
    assert "refused [pending_unknown]: a run ended while it created network" in said
    assert f"--forget '{VPC}'" in said
    assert {"up", "destroy"}.isdisjoint(site.called())


def test_what_was_forgotten_leaves_the_state_through_the_cli(site: Site) -> None:
    site.has(deployment(pending=True))
    site.cli.plays("preview", code=1, stderr="error: no more")
    said = site("up", "acme", "--yes", "--refresh", "none", "--forget", VPC, code=1)
    assert "network was about to be created when a run ended early; it is not there" in said
    assert "stack import" in site.called()


def test_a_cell_never_moves_although_only_its_state_knows_where_it_is(tmp_path: Path) -> None:
    site = Site(tmp_path, region="eu-central-1")
    site.has(deployment())
    said = site("preview", "acme", code=4)
    assert "region is eu-west-1 and cannot become eu-central-1" in said


def test_a_new_stack_is_sealed_by_the_accounts_own_key(site: Site) -> None:
    site.cli.plays("stack export", code=6, stderr="error: no stack named 'cell-acme' found")
    site.cli.plays("stack select", code=6, stderr="error: no stack named 'cell-acme' found")
    site.cli.plays("preview", code=1, stderr="error: no more")
    site("up", "acme", "--yes", code=1)
    (call,) = [call for call in site.cli.calls() if call.words[:2] == ["stack", "init"]]
    assert call.argv[-2:] == ("--secrets-provider", "awskms://alias/cells")
    assert call.words[2] == stack_name("acme").stack
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in call.environment
    assert not os.path.exists(site.root / ".cellctl/state/.pulumi")


def test_a_preview_works_as_the_role_that_looks(site: Site) -> None:
    (site.root / "cellctl.yaml").write_text(ROLES)
    site.has(with_providers(deployment()))
    site.cli.plays("preview", code=1, stderr="error: no more")
    site("preview", "acme", "--refresh", "none", code=1)
    url, state = site.told("preview")
    assert url.startswith("file://"), "a copy: the state itself is only read"
    assert (state.count(LOOK), state.count(APPLY)) == (4, 0)
    assert '"protect":true' in state.replace(" ", ""), "all else is as it was"


def with_an_alarm() -> dict[str, Any]:
    inputs = {
        "name": "cell-acme-nodes-silent", "namespace": "cellctl/cell-acme", "metricName": "SecondsUnseen", "period": 60,
        "threshold": 300, "comparisonOperator": "GreaterThanOrEqualToThreshold", "evaluationPeriods": 3,
        "treatMissingData": "breaching", "alarmDescription": "A node was not seen",
    }  # fmt: skip
    type_ = "aws:cloudwatch/metricAlarm:MetricAlarm"
    row = {"urn": f"{PREFIX}{type_}::silent", "custom": True, "id": inputs["name"], "type": type_, "inputs": inputs}
    found = deployment()
    return {**found, "resources": [*found["resources"], {**row, "parent": STACK}]}


def test_alarms_are_listed_from_the_state_and_asked_of_whom_the_account_names(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.has(with_an_alarm())
    (alarm,) = json.loads(site("alarms", "acme", "--format", "json"))["alarms"]
    assert (alarm["watches"], alarm["when"]) == ("SecondsUnseen", "≥ 300 for 3 min, or no data")
    assert (alarm["state"], alarm["why"]) == ("unknown", "nobody here can ask this cloud")  # no role is named
    (tmp_path / "cellctl.yaml").write_text(ROLES)
    refused = site("alarms", "acme", code=1)
    assert "this machine has no identity in AWS with which to take on a role" in refused
    assert {call for call in site.called() if not call.startswith(("version", "stack export"))} == set()
