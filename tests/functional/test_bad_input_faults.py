"""What may go wrong around a running cell: damaged files, faults of the cloud, a "no", a closed pipe."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from warm import client, keys

ROOT = Path(__file__).resolve().parents[2]
CELL = "metadata: {name: acme}\nspec: {cloud: azure, account: sandbox, region: westeurope, nodes: {count: 2}}\n"
COMMAND = [sys.executable, str(ROOT / "cli.py")]


class Home:
    """A home with one cell that runs on the simulated Azure."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(root), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
        self.checkpoint = root / ".cellctl/state/.pulumi/stacks/octopus-cells/cell-acme.json"

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command that must end with `code`; return what it said on both streams."""
        done = client.cellctl(*words, cwd=self.root, env=self.environment)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert done.returncode == code, said[-3000:]
        return said

    def up(self, *words: str, code: int = 0) -> str:
        return self("up", "acme", "--clock", "stepped", *words, code=code)

    def objects(self, type_: str) -> list[str]:
        """Return the ids of what lives in the simulated cloud."""
        shown = json.loads(self("sandbox", "show", "--format", "json"))
        return [row["id"] for account in shown["accounts"] for row in account["objects"] if row["type"] == type_]

    def want_nodes(self, count: int) -> None:
        """Change the file, so that `up` has something to do."""
        (self.root / "cells/acme.yaml").write_text(CELL.replace("count: 2", f"count: {count}"))


@dataclass(frozen=True)
class Began:
    """A cell that came up although three services refused and the provider crashed: what each `up` said."""

    home: Home
    refused: str
    crashed: str
    ended: str


def begin(home: Home) -> dict[str, str]:
    """Bring the cell up in three attempts; return what each said."""
    (home.root / "cells").mkdir(parents=True)
    keys.give(home.root)
    home.want_nodes(2)
    for type_, error in (
        ("sql:Server", "quota"),
        ("storage:StorageAccount", "capacity"),
        ("keyvault:Vault", "throttle"),
    ):
        rule = ("--type", f"azure-native:{type_}", "--op", "create", "--count", "1", "--error", error)
        home("sandbox", "fault", *rule)
    said = {"refused": home.up("--yes", code=1)}
    rule = ("--type", "azure-native:network:LoadBalancer", "--op", "create", "--count", "1", "--effect", "crash")
    home("sandbox", "fault", *rule)
    return {**said, "crashed": home.up("--yes", code=1), "ended": home.up("--yes")}


@pytest.fixture(scope="module")
def began(tmp_path_factory: pytest.TempPathFactory) -> Began:
    """The cell, made once for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "running-cell"
    folder.mkdir(exist_ok=True)
    home, record = Home(folder / "home"), folder / "said.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            record.write_text(json.dumps(begin(home)))
    return Began(home=home, **json.loads(record.read_text()))


@pytest.fixture
def home(began: Began, tmp_path: Path) -> Home:
    """A copy of the cell's home, to be damaged; the original is only read."""
    return Home(shutil.copytree(began.home.root, tmp_path / "home"))


def test_without_a_terminal_nothing_is_changed(home: Home) -> None:
    home.want_nodes(3)
    before = home.checkpoint.read_bytes()
    said = home.up("--refresh", "none", code=2)
    assert "there is no terminal to ask on, so nothing was changed" in said
    assert "cellctl up acme" in said.split("hint: ")[1]
    assert "--yes" in said.split("hint: ")[1]
    assert home.checkpoint.read_bytes() == before


@pytest.mark.parametrize("typed", ["n\n", "\x04"], ids=["no", "end of file"])
def test_no_at_the_prompt_changes_nothing(home: Home, typed: str) -> None:
    home.want_nodes(3)
    before = home.checkpoint.read_bytes()
    ours, theirs = pty.openpty()
    process = client.started(
        "up", "acme", "--clock", "stepped", "--refresh", "none", "--output", "plain",
        cwd=home.root, env=home.environment, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = ""
    while "[y/N]" not in said:
        part = os.read(ours, 4096).decode(errors="replace")
        assert part, said
        said += part
    os.write(ours, typed.encode())
    try:
        while part := os.read(ours, 4096).decode(errors="replace"):
            said += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0, said
    assert "othing changed" in said or "othing was changed" in said
    assert home.checkpoint.read_bytes() == before
    assert len(home.objects("azure-native:compute:VirtualMachine")) == 2


def test_a_truncated_checkpoint_is_replaced_by_the_one_before_and_that_is_said(home: Home) -> None:
    data = home.checkpoint.read_bytes()
    home.checkpoint.write_bytes(data[: len(data) // 2])
    said = home("status", "acme")
    assert "is damaged" in said
    assert "the previous one was used" in said
    said = home.up("--yes", "--refresh", "none")
    assert "the previous one was used" in said
    assert len(home.objects("azure-native:compute:VirtualMachine")) == 2


def test_without_any_good_checkpoint_nothing_is_begun(home: Home) -> None:
    for path in (home.checkpoint, home.checkpoint.with_name(home.checkpoint.name + ".bak")):
        path.write_text("garbage")
    said = home.up("--yes", code=1)
    assert "is damaged" in said
    assert "so is the one before it" in said
    assert "hint: restore " in said
    assert home.checkpoint.read_text() == "garbage"


def test_a_damaged_database_of_the_sandbox(home: Home) -> None:
    for path in (home.root / ".cellctl").glob("sandbox.db-*"):
        path.unlink()
    (home.root / ".cellctl/sandbox.db").write_bytes(b"no database" * 900)
    said = home("sandbox", "show", code=2)
    assert "sandbox.db cannot be used" in said
    assert "hint: " in said


def test_a_stateful_object_that_is_gone_is_never_made_anew_silently(home: Home) -> None:
    (database,) = home.objects("azure-native:sql:Database")
    home("sandbox", "edit", database, "--delete")
    said = home.up("--yes", code=4)
    assert "refused [stateful_gone]" in said
    assert "acme-database-database" in said
    assert "holds data and is gone from the cloud" in said
    for choice in ("restore", "adopt", "forget"):
        assert choice in said
    assert home.objects("azure-native:sql:Database") == []


def test_down_of_a_cell_with_data_is_refused_although_yes(home: Home) -> None:
    said = home("down", "acme", "--yes", code=4)
    assert "--keep-data" in said
    assert "--delete-data" in said
    assert len(home.objects("azure-native:sql:Database")) == 1


def test_faults_of_the_cloud_are_told_with_what_to_do(began: Began) -> None:
    said = began.refused
    for resource, words in (("acme-database-server", "quota"), ("acme-secrets-vault", "Throttling")):
        assert resource in said
        assert words in said
    assert "InsufficientInstanceCapacity" in said
    assert "ask for a higher quota" in said
    assert "To go on: cellctl up acme" in said


def test_a_crash_of_the_provider_is_told_and_the_next_up_goes_on(began: Began, home: Home) -> None:
    assert "the operation process ended" in began.crashed
    assert "run the same command again" in began.crashed
    assert "not made yet" in began.crashed
    assert "acme is up" in began.ended
    for type_, count in (
        ("sql:Server", 1),
        ("network:NatGateway", 2),
        ("network:LoadBalancer", 1),
        ("keyvault:Vault", 1),
    ):
        assert len(home.objects(f"azure-native:{type_}")) == count


@pytest.mark.parametrize("words", [("sandbox", "show"), ("cells", "--format", "json"), ("schema", "cell")])
def test_a_closed_pipe_is_no_error(home: Home, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *words], cwd=home.root, stdout=writing, stderr=subprocess.PIPE, text=True, env=home.environment,
        check=False, timeout=120,
    )  # fmt: skip
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_up_whose_reader_is_gone_still_ends_well(home: Home) -> None:
    home.want_nodes(3)
    reading, writing = os.pipe()
    os.close(reading)
    process = client.started(
        "up", "acme", "--yes", "--clock", "stepped", "--refresh", "none", cwd=home.root, env=home.environment,
        stdout=writing, stderr=writing,
    )  # fmt: skip
    os.close(writing)
    assert process.wait(300) == 0
    assert len(home.objects("azure-native:compute:VirtualMachine")) == 3
