"""What is explained of a resource: of cells, reefs and accounts alike, found by URN or by name."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cellctl import Home, RunOptions
from cellctl.engine.workspace import Workspaces, file_backend, stack_name
from cellctl.errors import UsageError
from cellctl.run.explaining import explain
from cellctl.views.explain_text import explain_text

VPC = "aws:ec2/vpc:Vpc"


def urn(stack: str, name: str) -> str:
    return f"urn:pulumi:{stack}::octopus-cells::{VPC}::{name}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the states of a cell, a reef and an account, each with one network."""
    home = Home(tmp_path)
    home.prepare()
    files = file_backend(Workspaces(tmp_path).local)
    assert files is not None
    for name in ("acme", "reef/r-1", "account/sandbox"):
        stack = stack_name(name)
        row = {"urn": urn(stack.stack, f"net-of-{name}"), "type": VPC, "custom": True, "id": "vpc-1", "inputs": {}}
        latest = {"manifest": {}, "resources": [{**row, "outputs": {}}]}
        files.create(stack, json.dumps({"version": 3, "checkpoint": {"stack": stack.stack, "latest": latest}}))
    return home


@pytest.mark.parametrize(
    ("name", "title"),
    [("acme", "cell acme"), ("reef/r-1", "reef r-1"), ("account/sandbox", "account sandbox")],
)
def test_resources_of_reefs_and_accounts_are_explained_as_those_of_cells(name: str, title: str, home: Home) -> None:
    found = explain(home, urn(stack_name(name).stack, f"net-of-{name}"), options=RunOptions())
    assert (found.cell, found.type, found.id) == (name, VPC, "vpc-1")
    assert explain(home, f"net-of-{name}", options=RunOptions()) == found
    shown = StringIO()
    Console(file=shown, width=120).print(explain_text(found))
    assert f"net-of-{name} · ec2 Vpc · {title}" in shown.getvalue()


@pytest.mark.parametrize("wanted", [urn("reef-other", "net"), urn("cell-../x", "net"), "urn:pulumi:", "urn:x", "nope"])
def test_what_no_stack_here_has_is_refused(wanted: str, home: Home) -> None:
    with pytest.raises(UsageError) as refused:
        explain(home, wanted, options=RunOptions())
    assert refused.value.code == "no_resource"
