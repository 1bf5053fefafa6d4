"""`pulumi preview` by hand declares what cellctl declares: the program reads the cell from the stack's config."""

from __future__ import annotations

import importlib
import json
import runpy
from pathlib import Path

import pulumi
import pytest

from cellctl.clouds import AccountFacts, load
from cellctl.errors import UsageError
from cellctl.spec import CellSpec

STACKS = Path(__file__).resolve().parents[3] / "stacks"
SPEC = CellSpec.minimal("acme", cloud="aws", region="eu-west-1")


def texts(inputs: dict[str, object]) -> dict[str, object]:
    """Return inputs with the texts of archives in their place: archives are equal by identity alone."""
    return {
        key: {name: vars(asset) for name, asset in value.assets.items()}
        if isinstance(value, pulumi.AssetArchive)
        else value
        for key, value in inputs.items()
    }


def test_by_hand_declares_the_same_resources_and_keeps_the_record(record) -> None:
    cell = {"cell": "acme", "incarnation": 2, "spec": SPEC.to_json()}
    given = {"octopus-cells:cell": json.dumps(cell), "octopus-cells:accountId": "123456789012"}

    def by_hand() -> None:
        pulumi.runtime.set_all_config(given)
        runpy.run_path(str(STACKS), run_name="__main__")

    cloud = load("aws")
    layout = cloud.layout(SPEC, incarnation=2)
    ours = record(lambda: cloud.program(layout, AccountFacts(id="123456789012", sandbox=True)))
    theirs = record(by_hand)
    assert {(item.type, item.name) for item in theirs.resources} == {(item.type, item.name) for item in ours.resources}
    made_once = {"acme-secrets-administrator", "acme-ingress-certificate"}
    mine = {(item.type, item.name): item.inputs for item in ours.resources}
    for item in theirs.resources:
        if item.name not in made_once:
            assert texts(item.inputs) == texts(mine[item.type, item.name]), item.name
    kept = theirs.outputs["cellctl"]
    assert (kept["cell"], kept["incarnation"], kept["spec"]["metadata"]["name"]) == ("acme", 2, "acme")
    assert set(theirs.outputs) == {*ours.outputs, "cellctl"}


def test_by_hand_a_cell_of_before_keeps_the_rule_that_it_has(record) -> None:
    def by_hand(**more: object) -> set[str]:
        cell = {"cell": "acme", "incarnation": 1, "spec": SPEC.to_json(), **more}
        given = {"octopus-cells:cell": json.dumps(cell), "octopus-cells:accountId": "123456789012"}

        def program() -> None:
            pulumi.runtime.set_all_config(given)
            runpy.run_path(str(STACKS), run_name="__main__")

        return {item.name for item in record(program).resources if "gateway-in-tcp-80-" in item.name}

    rule = {"acme-network-gateway-in-tcp-80-10.255.0.0-24"}
    assert by_hand(versions={"template": "5"}) == by_hand(versions={"template": "6"}, born=5) == rule
    assert by_hand(versions={"template": "6"}, born=6) == by_hand() == set()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cell": "acme"}'])
def test_a_stack_without_a_cell_says_what_to_do(text: str) -> None:
    pulumi.runtime.set_all_config({"octopus-cells:cell": text})
    with pytest.raises(UsageError, match="holds no cell") as caught:
        importlib.import_module("cellctl_stacks.__main__").main()
    assert "cellctl preview" in caught.value.hint
