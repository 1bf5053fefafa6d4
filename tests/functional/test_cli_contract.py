"""What scripts rely on: completion in each shell, JSON from every command that lists, a summary however it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CELL = "metadata: {name: %s}\nspec: {cloud: azure, account: sandbox, region: westeurope}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "cells").mkdir(parents=True)
    for name in ("acme", "globex"):
        (folder / "cells" / f"{name}.yaml").write_text(CELL % name)
    return folder


def cellctl(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words], cwd=folder, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done


def completed(folder: Path, shell: str, line: str, **more: str) -> str:
    """Return what a shell is told when TAB is pressed behind `line`."""
    words = {
        "_CLI.PY_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    return cellctl(folder, **words, **more).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_completes_commands_options_and_cells(home: Path, shell: str) -> None:
    assert "status" in completed(home, shell, "cellctl st")
    assert "--keep-data" in completed(home, shell, "cellctl down --kee")
    cells = completed(home, shell, "cellctl up ac")
    assert "acme" in cells
    assert "globex" not in cells


@pytest.mark.parametrize("line", ["cellctl status --home {} gl", "cellctl status gl"])
def test_cells_of_another_home_complete(home: Path, tmp_path: Path, line: str) -> None:
    named = "--home" in line
    more = {} if named else {"CELLCTL_HOME": str(home)}
    assert "globex" in completed(tmp_path, "bash", line.format(home), **more)


@pytest.mark.parametrize("words", ["cells", "status acme", "doctor", "sandbox show", "sandbox fault", "sandbox clock"])
def test_every_list_is_there_as_json(home: Path, words: str) -> None:
    done = cellctl(home, *words.split(), "--format", "json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("up acme --nonsense --output jsonl", "usage"),
        ("down --output=jsonl acme globex", "usage"),
        ("preview nobody --output jsonl", "no_cell"),
        ("up acme --clock soon --output jsonl", "unknown_clock"),
        ("up acme --adopt x --output jsonl", "bad_adopt"),
        ("preview acme --save /nowhere/plan.json --output jsonl", "usage"),
    ],
)
def test_wrong_input_in_jsonl_ends_with_a_summary(home: Path, words: str, code: str) -> None:
    done = cellctl(home, *words.split())
    assert done.returncode == 2
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["kind"], last["operation"], last["result"]) == ("summary", words.split(maxsplit=1)[0], "failed")
    assert [error["code"] for error in last["errors"]] == [code]
    assert last["errors"][0]["hint"]
    assert not (home / ".cellctl/state").exists() or not any((home / ".cellctl/state").rglob("*.json"))


def test_nothing_of_a_cell_is_no_empty_sandbox(home: Path) -> None:
    assert "Nothing exists of cell nobody" in cellctl(home, "sandbox", "show", "--cell", "nobody").stdout


def test_a_plan_that_is_saved_ends_with_one_summary(home: Path) -> None:
    words = "account up sandbox --cloud azure --save plan.json --clock stepped --output jsonl"
    done = cellctl(home, *words.split())
    summaries = [row for row in map(json.loads, done.stdout.splitlines()) if row["kind"] == "summary"]
    assert (done.returncode, [row["result"] for row in summaries]) == (0, ["succeeded"]), done.stderr
    assert json.loads((home / "plan.json").read_text())
