"""`cellctl drift`: what was changed behind our back, and by whose doing; changes nothing, waits for nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import RunningHome
from prepared.small import TWO, Small
from warm import client

from cellctl.cell import drift_all
from cellctl.drift import DriftReport
from cellctl.errors import CellctlError, EngineError, UsageError
from cellctl_sandbox.testing.small_world import World


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def edit(small: Small, name: str, **values: object) -> None:
    world = World(small.root)
    id_, (urn, body) = next((id_, item) for id_, item in world.objects().items() if item[0].endswith(f"::{name}"))
    world.put(urn, {**body, **values}, id_)  # type: ignore[dict-item]


def test_edits_are_found_and_neither_state_nor_cloud_is_changed(small: Small) -> None:
    small.up()
    assert small.cell.drift(options=small.options()).drifts == ()
    edit(small, "a", size=9)
    world = World(small.root)
    world.remove(next(id_ for id_, (urn, _) in world.objects().items() if urn.endswith("::b")))
    file = small.home.stack_file("acme")
    before = (file.read_bytes(), world.objects())
    report = small.cell.drift(options=small.options())
    assert [(item.name, item.path, item.before, item.after, item.gone) for item in report.drifts] == [
        ("b", "", None, None, True), ("a", "size", 1, 9, False),
    ]  # fmt: skip
    assert (file.read_bytes(), world.objects()) == before


def test_what_could_not_be_read_is_named_and_all_of_it_is_an_error(small: Small) -> None:
    small.up()
    refused = {"unreadable": "AccessDenied"}
    small.declare(TWO, b=refused)
    report = small.cell.drift(options=small.options())
    assert (report.looked, report.unread) == (1, ("b: AccessDenied",))
    small.declare(TWO, a=refused, b=refused)
    with pytest.raises(EngineError, match="nothing of 'acme' could be read"):
        small.cell.drift(options=small.options())


def test_it_looks_while_somebody_else_changes_the_cell(small: Small) -> None:
    small.up()
    small.declare([{**TWO[0], "size": 3}, TWO[1], {"name": "c"}], c={"sleep_s": 3.0})
    thread = threading.Thread(target=small.up)
    thread.start()
    small.wait_reached("c")
    assert isinstance(small.cell.drift(options=small.options()), DriftReport)
    thread.join(30)


def test_a_cell_without_state_is_an_error_of_its_own(small: Small) -> None:
    with pytest.raises(UsageError):
        small.cell.drift(options=small.options())
    small.up()
    found = dict(drift_all(small.home, ["acme", "nobody"], options=small.options()))
    assert isinstance(found["acme"], DriftReport)
    assert isinstance(found["nobody"], CellctlError)


def test_the_command_reads_rules_selects_cells_and_ends_with_3(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("azure", tmp_path)

    def cellctl(*words: str) -> tuple[int, str]:
        done = client.cellctl("drift", *words, "--clock", "stepped", "--home", str(tmp_path), cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    ids = {item["name"]: str(item["id"]) for one in home.control.show()["accounts"] for item in one["objects"]}
    home.control.edit(ids["rg-oct-acme"], "tags.costCenter", "4711")
    home.control.edit(ids["nsg-oct-acme-nodes"], "securityRules.0.sourceAddressPrefix", "0.0.0.0/0")
    code, said = cellctl()
    assert code == 3
    assert "2 changed by somebody" in said
    assert "securityRules[0].sourceAddressPrefix: nothing → 0.0.0.0/0" in " ".join(said.split())
    file = tmp_path / "cellctl.yaml"
    rules = [("tags.cost*", "platform"), ("securityRules*", "x")]
    lines = "".join(f"  - {{path: '{path}', owner: {owner}, until: 2099-01-01}}\n" for path, owner in rules)
    file.write_text(f"apiVersion: cellctl/v1\nkind: Home\ndrift:\n{lines}")
    code, said = cellctl("acme", "--format", "json")
    assert code == 0
    (cell,) = json.loads(said)["cells"]
    assert {(item["path"], item["class"], item["owner"]) for item in cell["drifts"]} == {
        ("tags.costCenter", "customer_owned", "platform"),
        ("securityRules[0].sourceAddressPrefix", "customer_owned", "x"),
    }
    assert json.loads(cellctl("--select", "tier=gold", "--format", "json")[1])["cells"] == []
    assert cellctl("--select", "tier")[0] == 2
    file.write_text(file.read_text() + "  - {path: x, owner: y, until: soon}\n")
    assert "must be a day such as 2027-06-30" in cellctl()[1]
