"""Costs of whole process trees, and the figures they become."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cellctl.home import Home
from cellctl.spec import CellSpec

ROOT = Path(__file__).resolve().parents[1]
REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a command and everything it waited for used: CPU and wall seconds, and what it printed."""

    cpu_s: float
    wall_s: float
    printed: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table: `value` is held against `target`; `detail` says of what it was made."""

    name: str
    value: float
    target: float
    unit: str
    detail: str
    better: Literal["lower", "higher"] = "lower"
    skipped: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        if self.skipped:
            return True
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


def cost(*words: str, environment: dict[str, str] | None = None) -> Cost:
    """Run a Python command (`-m module ...` or a file) to its end; RuntimeError with its last words if it fails."""
    env = {**os.environ, **(environment or {}), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)  # its own and what it waited for
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {printed[-2000:]}")
    return Cost(cpu_s=used.ru_utime + used.ru_stime, wall_s=time.monotonic() - began, printed=printed)


def cheapest(runs: int, measured: Callable[[], Cost]) -> Cost:
    """Return the run that took the least CPU: other work on the machine only ever adds."""
    return min((measured() for _ in range(runs)), key=lambda item: item.cpu_s)


def answer(module: str, *words: str) -> dict[str, float]:
    """Run a module of this package that prints numbers as its last line of JSON."""
    printed = cost("-m", f"benchmarks.{module}", *words).printed
    found: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
    return found


def home_of(folder: Path, cloud: str, names: Sequence[str]) -> Home:
    """Make a home with a default cell of each name."""
    folder.mkdir(parents=True)
    home = Home(folder)
    home.prepare()
    for name in names:
        home.write_cell(CellSpec.minimal(name, cloud=cloud, account="sandbox", region=REGIONS[cloud]))
    return home
