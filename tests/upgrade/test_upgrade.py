"""What customers have stays: the recorded states of every version, previewed by today's cellctl, lose nothing.

This is also what holds the rule on names: what is renamed without an alias shows here as a deletion.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from warm import client, keys

from cellctl import Cell, Home, Plan, RunOptions, versions
from cellctl.engine.operation import Start, fresh_interpreter
from cellctl.engine.workspace import stack_name
from cellctl.errors import GuardError
from cellctl.facts import FactsError
from cellctl.facts.renames import Renamed, minor, overdue, renames
from cellctl.spec import load
from cellctl.state.backend import FileBackend
from cellctl.state.sealing import KeyFile, PassphraseSealer
from cellctl_components.azure import facts

HERE = Path(__file__).resolve().parent
ADDED = {
    "aws": {
        "acme-sql-native-backup", "acme-alarms-gateway-memory", "acme-alarms-gateway-index",
        "acme-alarms-gateway-shares", "acme-alarms-gateway-recovery",
        # The watcher, and what it publishes.
        "acme-watch", "acme-watch-role", "acme-watch-services", "acme-watch-logs", "acme-watch-looks",
        "acme-watch-function", "acme-watch-clock", "acme-network-watch", "acme-network-nodes-in-tcp-8080-watch",
        "acme-network-watch-out-tcp-8080-nodes", "acme-network-watch-out-tcp-443-0.0.0.0-0",
        "acme-alarms-sql-lag", "acme-alarms-nodes-silent", "acme-alarms-nodes-licence", "acme-alarms-gateway-support",
    },
    "azure": {
        "acme-database-createindex", "acme-database-dropindex", "acme-files-tree", "acme-alarms-node-silent",
        "acme-alarms-files-throttled", "acme-alarms-share-full-packages", "acme-alarms-share-full-artifacts",
        "acme-alarms-share-full-tasklogs",
    },
}  # fmt: skip
"""What templates 3 (Azure), 4 (AWS) and 5 (Azure) make besides, and what came since."""
STATES = sorted((HERE / "states").glob("*/*"))


def laid(folder: Path, root: Path, instead: Mapping[str, str] | None = None) -> Home:
    """Return a home with a recorded cell; `instead` are texts of its state that are to be others."""
    root.mkdir(exist_ok=True)
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


def previewed(home: Home, start: Start = client.operation) -> Plan:
    options = RunOptions(clock="stepped", refresh="none", start=start)
    plan = Cell.open("acme", home=home).preview(options=options)
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


def test_a_rule_that_was_made_for_ever_stays_until_its_cell_is_made_anew(tmp_path: Path) -> None:
    """Port 80 of a gateway: opened by a step of its own since template 6, and only in stacks that were born with it."""
    plan = previewed(laid(newest("aws"), tmp_path))
    kept = {change.name: change.action for change in plan.changes if "gateway-in-tcp-80-" in change.name}
    assert kept == {"acme-network-gateway-in-tcp-80-10.255.0.0-24": "same"}
    assert [change.action for change in plan.changes if change.type == "cellctl:aws:FileGateway"] == ["same"]


def test_a_node_keeps_the_image_that_it_was_made_from(tmp_path: Path) -> None:
    """Azure never changes it: an update would be refused, and a new pin of ours would stop every cell that is there."""
    pinned = facts.image("windows").version
    plan = previewed(laid(newest("azure"), tmp_path, {pinned: "20348.1.1"}))
    machines = [change for change in plan.changes if change.type.endswith(":compute:VirtualMachine")]
    assert len(machines) == 2
    assert not [item.path for change in machines for item in change.diff if item.path.startswith("storageProfile")]
    assert lost(plan) == []


RENAMED = {
    "aws": {
        "cells:aws:Alarms": "cells:aws:Alerts",  # a component: and so everything in it
        "::acme-sql-agent-log": "::acme-sql-agents-log",  # a logical name
        "cellctl:octopus:Administrator": "cellctl:octopus:Admin",  # a token
    },
    "azure": {
        "cells:azure:Alarms": "cells:azure:Alerts",
        "::acme-files-logs": "::acme-files-log",
        "cellctl:octopus:Administrator": "cellctl:octopus:Admin",
    },
}
"""What a state calls otherwise than today's program: the program's words, and the state's."""
GONE = {
    "aws": {"acme-alarms", "acme-alarms-topic", "acme-sql-agents-log", "acme-nodes-administrator"},
    "azure": {"acme-alarms", "acme-alarms-group", "acme-files-log", "acme-node-administrator"},
}
OF_NAMES = {"aws": "aws:cloudwatch/logGroup:LogGroup", "azure": "azure-native:monitor:DiagnosticSetting"}


def aliases(cloud: str) -> str:
    """Return the data of aliases that such renames come with."""
    parts = []
    for now, was in RENAMED[cloud].items():
        names = now.startswith("::")
        words = [word.replace("::acme-", "*-") for word in (was, now)]
        of = f'of = "{OF_NAMES[cloud]}"\n' if names else ""
        parts.append(f'[[renamed]]\nwas = "{words[0]}"\nnow = "{words[1]}"\n{of}since = "0.2"\n')
    return "".join(parts)


def newest(cloud: str) -> Path:
    return [path for path in STATES if path.name == cloud][-1]


@pytest.mark.parametrize("cloud", RENAMED)
def test_what_is_renamed_without_an_alias_would_be_deleted(cloud: str, tmp_path: Path) -> None:
    gone = lost(previewed(laid(newest(cloud), tmp_path, RENAMED[cloud])))
    assert GONE[cloud] <= {*gone}


@pytest.mark.parametrize("cloud", RENAMED)
def test_what_is_renamed_with_an_alias_stays(cloud: str, tmp_path: Path) -> None:
    """The same state and program, and the data of aliases that such a rename comes with."""
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / f"{cloud}.toml").write_text(aliases(cloud))
    (folder / "sitecustomize.py").write_text(
        f"import pathlib\nfrom cellctl.facts import renames\nrenames.FOLDER = pathlib.Path({str(folder)!r})\n"
    )
    home = laid(newest(cloud), tmp_path / "home", RENAMED[cloud])
    plan = previewed(home, start=partial(fresh_interpreter, before=[str(folder)]))
    assert lost(plan) == []
    assert {change.name for change in plan.changes if change.action == "create"} <= ADDED[cloud]
    assert len(plan.changes) > 80


def renamed(since: str) -> Renamed:
    return Renamed(was="cells:azure:Alerts", now="cells:azure:Alarms", since=since)


@pytest.mark.parametrize(
    ("since", "version", "late"),
    [("0.2", "0.2.0", False), ("0.2", "0.3.7", False), ("0.2", "0.4.0", True), ("0.9", "1.0.0", True),
     ("1.0", "1.1", False)],
)  # fmt: skip
def test_an_alias_stays_two_minors_and_is_then_overdue(since: str, version: str, late: bool) -> None:
    assert bool(overdue([renamed(since)], version)) is late


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_no_alias_of_ours_is_overdue_or_from_a_version_to_come(cloud: str) -> None:
    here = versions.installed("cellctl")
    assert overdue(renames(cloud), here) == [], "these aliases may go: their stacks are too old to be previewed"
    following = (minor(here)[0], minor(here)[1] + 1)  # what is renamed now is of the version that comes next
    assert [one for one in renames(cloud) if minor(one.since) > following] == []


@pytest.mark.parametrize(
    "wrong",
    ['was = "a"\nnow = "b"\nsince = "two"', 'was = "*-a"\nnow = "*-b"\nsince = "0.2"', 'was = "a"\nnow = "b"',
     'was = "a"\nnow = "*-b"\nof = "t"\nsince = "0.2"', 'was = "a"\nnow = "b"\nsince = "0.2"\nuntil = "0.4"'],
)  # fmt: skip
def test_an_alias_that_says_too_little_is_refused(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.toml").write_text(f"[[renamed]]\n{wrong}\n")
    monkeypatch.setattr("cellctl.facts.renames.FOLDER", tmp_path)
    with pytest.raises(FactsError):
        renames.__wrapped__("wrong")


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


def test_neither_another_way_to_sign_in_nor_other_files_are_for_a_cell_that_is_there(tmp_path: Path) -> None:
    """Of a recorded cell, whose file knew neither field: what it has is what cells have without them."""
    home = laid(newest("azure"), tmp_path)
    file = home.cell_file("acme")
    text = file.read_text()
    assert "  database: {" in text
    assert "  storage:\n" in text
    changed = text.replace("  database: {", "  database: {authentication: sql, ")
    changed = re.sub(r"taskLogs: \{\}", "taskLogs: {storageAccount: logs}", changed)
    file.write_text(changed.replace("  storage:\n", "  storage:\n    tier: standard_v2\n"))
    with pytest.raises(GuardError) as refused:
        previewed(home)
    assert [(one.code, one.reason) for one in refused.value.objections] == [
        ("frozen_field", "database.authentication is entra and cannot become sql: it would be another server"),
        ("frozen_field", "storage.tier is premium and cannot become standard_v2: it would be another storage account"),
        (
            "frozen_field",
            "storage.kinds is all in one account and cannot become taskLogs in logs (standard_v2): "
            "its files would be left behind, and nothing moves them",
        ),
    ]
    same = text.replace("  database: {", "  database: {authentication: entra, ")
    file.write_text(same.replace("  storage:\n", "  storage:\n    tier: premium\n"))
    assert lost(previewed(home)) == []


def test_a_stack_records_who_made_it() -> None:
    for folder in STATES:
        found = recorded(folder)
        assert sorted(found) == sorted(["cellctl", "template", "checkpoint", "pulumi", folder.name])
        assert all(found.values())
