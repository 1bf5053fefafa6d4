"""What customers have stays: the recorded states of every version, previewed by today's cellctl, lose nothing.

This is also what holds the rule on names: what is renamed without an alias shows here as a deletion.
"""

from __future__ import annotations

import functools
import gzip
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from warm import client, keys

from cellctl import Cell, Home, Plan, RunOptions, versions
from cellctl.engine.workspace import stack_name
from cellctl.errors import GuardError
from cellctl.spec import load
from cellctl.state.backend import FileBackend
from cellctl.state.sealing import KeyFile, PassphraseSealer

HERE = Path(__file__).resolve().parent
STATES = sorted((HERE / "states").glob("*/*"))


def laid(folder: Path, root: Path, instead: Mapping[str, str] | None = None) -> Home:
    """Return a home with a recorded cell; `instead` are texts of its state that are to be others."""
    keys.give(root)
    (root / "cells").mkdir()
    (root / "cells" / "acme.yaml").write_bytes((folder / "acme.yaml").read_bytes())
    text = gzip.decompress((folder / "state.json.gz").read_bytes()).decode()
    for old, new in (instead or {}).items():
        assert old in text
        text = text.replace(old, new)
    FileBackend(root / ".cellctl" / "state").create(stack_name("acme"), text)
    salt = json.loads(text)["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"]
    for name, body in {"salt": salt, "derived": derived(salt)}.items():
        (root / ".cellctl" / "pulumi" / name).write_text(body)
    return Home(root)


@functools.cache
def derived(salt: str) -> str:
    """Return the file of the key that recorded states are sealed with: deriving it costs as much as a preview."""
    with tempfile.TemporaryDirectory() as folder:
        keys.give(Path(folder))
        key = Path(folder, ".cellctl", "pulumi", "key")
        PassphraseSealer(key.read_text(), salt, KeyFile.beside(key))
        return key.with_name("derived").read_text()


def previewed(home: Home) -> Plan:
    plan = Cell.open("acme", home=home).preview(
        options=RunOptions(clock="stepped", refresh="none", start=client.operation)
    )
    assert not plan.errored, plan.diagnostics
    return plan


def recorded(folder: Path) -> dict[str, str]:
    state = json.loads(gzip.decompress((folder / "state.json.gz").read_bytes()))
    (root,) = [row for row in state["checkpoint"]["latest"]["resources"] if row["type"] == "pulumi:pulumi:Stack"]
    found: dict[str, str] = root["outputs"]["cellctl"]["versions"]
    return found


def lost(plan: Plan) -> list[str]:
    return sorted(change.name for change in plan.changes if change.action in ("replace", "delete"))


def test_both_clouds_are_recorded_for_this_version() -> None:
    minor = ".".join(versions.installed("cellctl").split(".")[:2])
    assert [path.name for path in STATES if path.parent.name == minor] == ["aws", "azure"]


@pytest.mark.parametrize("folder", STATES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_recorded_state_is_previewed_without_replacing_or_deleting_anything(folder: Path, tmp_path: Path) -> None:
    plan = previewed(laid(folder, tmp_path))
    assert lost(plan) == []
    assert len(plan.changes) > 80
    changed = [change.name for change in plan.changes if change.action != "same"]
    newer = int(recorded(folder)["template"]) < versions.TEMPLATE
    assert newer or not changed, f"a cell whose file stayed would change: raise cellctl.versions.TEMPLATE ({changed})"


def test_what_is_renamed_without_an_alias_would_be_deleted(tmp_path: Path) -> None:
    renamed = {
        "cells:azure:Alarms": "cells:azure:Alerts",  # a component: and so everything in it
        "::acme-files-logs": "::acme-files-log",  # a logical name
        "cellctl:octopus:Administrator": "cellctl:octopus:Admin",  # a token
    }
    gone = lost(previewed(laid(STATES[-1], tmp_path, renamed)))
    assert {"acme-alarms", "acme-alarms-group", "acme-files-log", "acme-node-administrator"} <= {*gone}


@pytest.mark.parametrize(("key", "made_by"), [("cellctl", "0.99.0"), ("template", "9"), ("checkpoint", "5")], ids=str)
def test_an_older_cellctl_leaves_a_newer_stack_alone(key: str, made_by: str, tmp_path: Path) -> None:
    ours, theirs = versions.versions("")[key], recorded(STATES[-1])[key]
    home = laid(STATES[-1], tmp_path, {f'"{key}":"{theirs}"': f'"{key}":"{made_by}"'})
    cell = Cell.open("acme", home=home)
    ask = lambda _plan, _objections: True  # noqa: E731
    for run in (cell.preview, lambda: cell.up(ask=ask), lambda: cell.down(ask=ask), lambda: cell.refresh(ask=ask)):
        with pytest.raises(GuardError) as refused:
            run()
        (objection,) = refused.value.objections
        assert (objection.code, refused.value.exit_code) == ("stack_newer", 4)
        assert f"{key} {made_by} (here {ours})" in objection.reason
    assert cell.status().name == "acme"  # it can still be looked at
    assert load(home.cell_file("acme")).metadata.name == "acme"  # the file is the same to both


def test_a_stack_records_who_made_it() -> None:
    for folder in STATES:
        found = recorded(folder)
        assert sorted(found) == sorted(["cellctl", "template", "checkpoint", "pulumi", folder.name])
        assert all(found.values())
