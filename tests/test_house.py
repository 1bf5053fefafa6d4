"""Before the first command: what a machine lacks is said with its remedy, and no test is skipped silently."""

from __future__ import annotations

import builtins
import importlib.util
import os
import runpy
import shlex
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest
import typer.core
import typer.main

from cellctl.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
Usage = namedtuple("Usage", "total used free")
Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def bootstrap() -> ModuleType:
    """Return `tools/bootstrap.py` as a module; it runs before anything is installed, so it imports nothing of ours."""
    found = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def said(bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a machine that will not do is told; it always ends with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        bootstrap.check_machine()
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("apt-get", "sudo apt-get install -y python3 python3-venv make"),
        ("dnf", "sudo dnf install -y python3.11 make"),
        ("brew", "brew install python@3.12 make"),
        ("", "Fedora: sudo dnf install"),
    ],
)
def test_an_old_python_is_told_the_one_command_of_its_system(bootstrap, monkeypatch, capsys, tool, command) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 10, 4, "final", 0))
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == tool else None)
    text = said(bootstrap, capsys)
    assert "Python 3.11 or newer is needed, this is 3.10" in text
    assert command in text
    assert len(text.splitlines()) == (3 if tool else 5)


def test_a_python_without_venv_is_told_so(bootstrap, monkeypatch, capsys) -> None:
    genuine = builtins.__import__

    def without_venv(name: str, *rest: object, **more: object) -> ModuleType:
        if name in ("venv", "ensurepip"):
            raise ImportError(name)
        return genuine(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_venv)
    assert "this Python has no venv module" in said(bootstrap, capsys)


def test_a_full_disk_is_told_before_the_download(bootstrap, monkeypatch, capsys) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10 << 30, 9 << 30, 700 << 20))
    assert "700 MB are free" in (text := said(bootstrap, capsys))
    assert "1500 MB are needed" in text


def test_make_says_how_to_get_a_python_that_is_not_there() -> None:
    words = ["make", "-s", "install", "PYTHON=python3-of-nowhere"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    for system in ("Debian: sudo apt-get", "Fedora: sudo dnf", "macOS:  brew"):
        assert system in done.stderr


def test_an_environment_with_the_development_tools_serves_the_demo_too(bootstrap, tmp_path) -> None:
    stamp = tmp_path / "stamp"
    assert not bootstrap.current(str(stamp), dev=False)
    stamp.write_text(bootstrap.digest(dev=True))
    assert bootstrap.current(str(stamp), dev=False)
    stamp.write_text(bootstrap.digest(dev=False))
    assert not bootstrap.current(str(stamp), dev=True)


def pytest_says(folder: Path, require: str) -> str:
    """Return the last lines of a run of one test that needs `pulumi`, on a machine without it."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_one.py").write_text(
        "import pytest\n@pytest.mark.needs('pulumi')\ndef test_it() -> None:\n    assert True\n"
    )
    environment = {"PATH": str(folder), "HOME": str(folder), "CELLCTL_REQUIRE": require}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
         "-c", os.devnull, "--rootdir", str(folder), str(folder)],
        cwd=folder, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_skip_is_listed_with_its_reason_and_becomes_a_failure_where_the_tool_is_required(tmp_path: Path) -> None:
    assert "no `pulumi` on PATH" in (text := pytest_says(tmp_path, ""))
    assert "1 skipped" in text
    assert "CELLCTL_REQUIRE names pulumi: no `pulumi` on PATH" in (text := pytest_says(tmp_path, "pulumi"))
    assert "1 error" in text
    known = "checkov, chromium, conformance, jq, postgresql, pulumi, samba, shellcheck, tmux"
    assert f"CELLCTL_REQUIRE names pulmi; known are: {known}" in pytest_says(tmp_path, "pulmi")


def test_what_the_demo_says_to_try_can_be_typed() -> None:
    lines = [line.strip() for line in runpy.run_path(str(ROOT / "tools" / "demo.py"))["TRY_NEXT"].splitlines()]
    commands = [line.partition("#")[0].partition("    then")[0] for line in lines if line.startswith("cellctl ")]
    assert len(commands) == 5
    for words in map(shlex.split, commands):
        at, command = typer.main.get_command(app), words[1:]
        while isinstance(at, typer.core.TyperGroup):
            at = at.get_command(None, command.pop(0))
        at.make_context(at.name, command)


def test_what_runs_alone_is_where_make_test_looks_for_it() -> None:
    mark = "pytest.mark." + "alone"
    marked = {path.relative_to(ROOT).parts[:2] for path in (ROOT / "tests").rglob("*.py") if mark in path.read_text()}
    assert marked == {("tests", "crash")}
    assert "pytest -q -m alone tests/crash;" in (ROOT / "Makefile").read_text()
