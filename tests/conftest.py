"""Fixtures and rules of the whole suite: what a test needs, and what the summary says was skipped."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = ROOT / "tests" / "processes"
if str(PROCESSES) not in sys.path:
    sys.path.insert(0, str(PROCESSES))


def conformance_kit() -> Path | None:
    """Return the folder of the conformance kit: CELLCTL_CONFORMANCE, else beside the repository."""
    named = os.environ.get("CELLCTL_CONFORMANCE")
    kit = Path(named) if named else ROOT.parent / "shared" / "conformance"
    return kit if (kit / "run.py").is_file() else None


def checkov() -> str | None:
    """Return the path of checkov: of its own environment (`make checkov`), else on PATH."""
    own = ROOT / ".venv-checkov" / "bin" / "checkov"
    return str(own) if own.exists() else shutil.which("checkov")


def postgresql() -> bool:
    """Tell whether a PostgreSQL server can be started here."""
    from cellctl.testing.postgres import programs

    return programs() is not None


def samba() -> bool:
    """Tell whether a Samba server can be started here: it becomes each client's user, which only root can."""
    return all(map(shutil.which, ("smbd", "pdbedit"))) and os.geteuid() == 0


TOOLS: dict[str, tuple[Callable[[], bool], str]] = {
    "pulumi": (lambda: shutil.which("pulumi") is not None, "no `pulumi` on PATH"),
    "tmux": (lambda: shutil.which("tmux") is not None, "no `tmux` on PATH"),
    "postgresql": (postgresql, "no PostgreSQL server (apt-get install postgresql)"),
    "chromium": (lambda: shutil.which("chromium") is not None, "no `chromium` on PATH (apt-get install chromium)"),
    "jq": (lambda: shutil.which("jq") is not None, "no `jq` on PATH (apt-get install jq)"),
    "shellcheck": (
        lambda: shutil.which("shellcheck") is not None,
        "no `shellcheck` on PATH (apt-get install shellcheck)",
    ),
    "samba": (samba, "no Samba server, or not as root (apt-get install samba)"),
    "checkov": (lambda: checkov() is not None, "no `checkov` (make checkov)"),
    "conformance": (lambda: conformance_kit() is not None, "no conformance kit (set CELLCTL_CONFORMANCE)"),
}


LONGEST = (
    "conformance/test_kit.py", "crash/test_crash_points.py", "functional/test_reefs.py",
    "functional/test_first_cells.py",
    "functional/test_day_two.py", "functional/test_guards.py", "functional/test_licence.py",
    "mutants/test_on_shared_balancers.py", "functional/test_approval.py", "functional/test_bad_input_faults.py",
    "functional/test_preview_all.py", "mutants/test_mutants_aws.py", "crash/test_after_a_crash.py",
    "functional/test_run_up.py", "components/azure/test_azure_cell_runs.py", "testing_kit/test_example.py",
)  # fmt: skip


DAY = os.environ.get("CELLCTL_DAY") or str(int(time.time() // 86400))
"""Which day it is, for tests that have their turn one day in some; `all` for all of them."""


def has_its_turn(item: pytest.Item, named: Container[Path]) -> bool:
    """Tell whether a test runs today: `turn(days, which)` runs on day `which` of each `days`, or where it is named.

    Whole cells of one option each take most of the time of a run; a day in which one breaks is found on its own day.
    """
    mark = item.get_closest_marker("turn")
    if mark is None or DAY == "all" or item.path in named:
        return True
    days, which = mark.args
    return int(DAY) % int(days) == int(which)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has its turn another day; put what takes longest first: no worker is alone with it at the end."""
    named = {(config.invocation_params.dir / word.split("::")[0]).resolve() for word in config.args}
    later = [item for item in items if not has_its_turn(item, named)]
    if later:
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in set(later)]
    rank = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def required_tools() -> set[str]:
    """Return the tools that CELLCTL_REQUIRE names."""
    return {name.strip() for name in os.environ.get("CELLCTL_REQUIRE", "").split(",") if name.strip()}


gc.set_threshold(1_000_000, 5, 100)  # collections cost an eighth of the CPU of a run, a tenth of that of the imports


def pytest_collection_finish() -> None:
    """Let collections leave alone what was imported."""
    gc.collect()
    gc.freeze()


MEMORY, ROOM = Path("/dev/shm"), 6 << 30


def in_memory() -> None:
    """Let this run and its workers have their folders in memory, where there is room.

    Hundreds of cells come up, and each of their steps is written to the disk: a third of the time of a run was
    waiting for it. Of a process that is killed the kernel keeps what it wrote either way.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a CELLCTL_REQUIRE that names no tool: a typing error there would let tests be skipped."""
    if not hasattr(config, "workerinput"):
        os.environ["TEST_RUN"] = f"{secrets.token_hex(16)} {os.getpid()}"  # processes/warm: workers share one
        if "TMPDIR" not in os.environ:
            in_memory()
    unknown = required_tools() - set(TOOLS)
    if unknown:
        known = ", ".join(sorted(TOOLS))
        raise pytest.UsageError(f"CELLCTL_REQUIRE names {', '.join(sorted(unknown))}; known are: {known}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose tool is missing, or fail it where CELLCTL_REQUIRE names the tool."""
    required = required_tools()
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            present, why = TOOLS[tool]
            if present():
                continue
            if tool in required:
                pytest.fail(f"CELLCTL_REQUIRE names {tool}: {why}", pytrace=False)
            pytest.skip(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that some tests have their turn another day."""
    if DAY != "all":
        terminalreporter.write_line(
            f"day {DAY}: stories marked `turn` run on their own days, and all of them with CELLCTL_DAY=all"
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the system's Chromium, for tests marked `needs("chromium")`; its loop must not outlive the module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings and credentials out of every test."""
    for key in list(os.environ):
        if key.startswith(("PULUMI_", "AWS_", "AZURE_", "ARM_")) or (
            key.startswith("CELLCTL_") and key not in ("CELLCTL_REQUIRE", "CELLCTL_CONFORMANCE")
        ):
            monkeypatch.delenv(key)
