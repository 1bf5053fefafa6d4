"""A run against a real account goes through the `pulumi` on PATH; here a fake one that plays recorded events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cellctl.cell import Cell
from cellctl.engine.workspace import Workspaces, file_backend, stack_name
from cellctl.errors import UsageError
from cellctl.home import Home
from cellctl.run.options import RunOptions
from cellctl.spec import CellSpec
from cellctl.testing import FakeCli

HOME = """apiVersion: cellctl/v1
kind: Home
accounts:
  prod: {cloud: aws, id: "123456789012", regions: [eu-west-1], apply: {role: "arn:aws:iam::123456789012:role/cells"}}
"""
URN = "urn:pulumi:cell-acme::octopus-cells::aws:ec2/vpc:Vpc::network"


def events(*, preview: bool) -> list[str]:
    new = {"urn": URN, "custom": True, "inputs": {"cidrBlock": "10.0.0.0/16"}, "outputs": {}}
    metadata = {"op": "create", "urn": URN, "type": "aws:ec2/vpc:Vpc", "old": None, "new": new, "logical": True}
    summary = {"isPreview": preview, "result": "succeeded", "resourceChanges": {"create": 1}, "durationSeconds": 1}
    rows = [
        {"resourcePreEvent": {"metadata": metadata, "planning": preview}},
        {"resOutputsEvent": {"metadata": metadata, "planning": preview}},
        {"summaryEvent": {**summary, "maybeCorrupt": False, "PolicyPacks": {}}},
        {"cancelEvent": {}},
    ]
    return [json.dumps({"sequence": number, "timestamp": 1, **row}) for number, row in enumerate(rows)]


def real_cell(root: Path) -> Cell:
    (root / "cellctl.yaml").write_text(HOME)
    home = Home(root)
    home.prepare()
    return Cell(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"), home=home)


def test_preview_and_up_cost_three_processes_once_the_version_is_known(tmp_path: Path) -> None:
    cell = real_cell(tmp_path)
    fake = FakeCli(tmp_path / "bin")
    fake.plays("preview", events=events(preview=True))
    fake.plays("up", events=events(preview=False))
    fake.plays("stack export", stdout=json.dumps({"version": 3, "deployment": {"resources": []}}))
    backend = file_backend(Workspaces(tmp_path).local)
    assert backend is not None
    empty = {"version": 3, "checkpoint": {"stack": stack_name("acme").full, "latest": None}}
    backend.create(stack_name("acme"), json.dumps(empty))
    options = RunOptions(environment={"PATH": str(fake.folder), "AWS_SECRET_ACCESS_KEY": "of-the-developer"})
    assert cell.preview(options=options).summary()["create"] == 1
    before = len(fake.calls())
    outcome = cell.up(ask=lambda plan, objections: True, options=options)
    assert (outcome.result, outcome.changes["create"], outcome.engine_name) == ("succeeded", 1, "pulumi")
    calls = fake.calls()[before:]
    assert [call.words[0] for call in calls] == ["preview", "up", "stack"]
    assert all("AWS_SECRET_ACCESS_KEY" not in call.environment for call in calls)
    assert all("Pulumi.yaml" in call.files and "Pulumi.cell-acme.yaml" in call.files for call in calls)


def test_without_pulumi_a_real_account_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        real_cell(tmp_path).preview(options=RunOptions(environment={"PATH": str(tmp_path)}))
    assert missing.value.code == "cli_missing"
    assert "pulumi" in missing.value.hint
