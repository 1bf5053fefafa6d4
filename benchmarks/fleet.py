"""Many cells: grouping and drawing their plans, and previewing them, against the naive way and the CLI by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.measure import Figure, answer, cost, home_of

PLANS = 1000
CELLS, FEW = 50, 3
RAW = 4


def figures(folder: Path, runs: int) -> list[Figure]:
    """Measure all of it."""
    folder.mkdir(parents=True)
    previews = [figure for cloud in ("aws", "azure") for figure in _previews(folder / cloud, cloud, runs)]
    return [*_grouping(), *previews, _raw(folder)]


def _grouping() -> list[Figure]:
    found = min((answer("grouping", str(PLANS)) for _ in range(3)), key=lambda item: item["cpu_s"])
    detail = f"CPU; {found['groups']:.0f} groups, a comment of {found['characters']:.0f} characters, and the page"
    return [
        Figure(
            name=f"grouping and drawing the plans of {PLANS} cells",
            value=found["cpu_s"], target=2, unit=" s", detail=detail,
        ),
        Figure(
            name=f"memory of a process that groups and draws the plans of {PLANS} cells",
            value=found["peak_mb"], target=300, unit=" MB",
            detail=f"peak; {found['bare_mb']:.0f} MB are what it imports. One plan is kept of each group",
        ),
    ]  # fmt: skip


def _previews(folder: Path, cloud: str, runs: int) -> list[Figure]:
    """Preview many cells as `pr preview` does, beside a few the naive way, one after another."""
    home = home_of(folder / "many", cloud, [f"c{number:02}" for number in range(CELLS)])
    other = folder / "naive"
    other.mkdir()
    naive, ours = [], []
    for number in range(runs):  # in turns, so that what else the machine does meets both
        each = [cost("-m", f"benchmarks.naive_{cloud}", str(other), f"n{number}{cell}").wall_s for cell in range(FEW)]
        naive.append(sum(each) / FEW)
        ours.append(answer("many", str(home.root)))
    best = min(ours, key=lambda item: item["wall_s"])
    return [
        Figure(
            name=f"{cloud}: throughput of previewing {CELLS} cells against the naive way, one after another",
            value=min(naive) / (best["wall_s"] / CELLS), target=5, unit="x", better="higher",
            detail=f"real time on the same engine: {min(naive):.2f} s a cell (of {FEW}) against "
            f"{best['wall_s'] / CELLS:.2f} s, the start of everything included",
        ),
        Figure(
            name=f"{cloud}: memory of previewing {CELLS} cells",
            value=best["own_mb"] + best["worker_mb"], target=400, unit=" MB",
            detail=f"peaks of the library's process, {best['own_mb']:.0f} MB, and of its operation processes "
            f"(one for each core), {best['worker_mb']:.0f} MB, however many cells there are",
        ),
    ]  # fmt: skip


def _raw(folder: Path) -> Figure:
    name = "aws: throughput of previews through the real CLI against `pulumi preview` by hand"
    if shutil.which("pulumi") is None:
        detail = "not measured: no pulumi on PATH"
        return Figure(name=name, value=0, target=1.8, unit="x", detail=detail, better="higher", skipped=True)
    names = [f"c{number}" for number in range(RAW)]
    raw = answer("raw_cli", str(home_of(folder / "raw", "aws", names).root))
    ours = answer("many", str(home_of(folder / "cli", "aws", names).root), "pulumi")
    each = {key: found["wall_s"] / found["cells"] for key, found in {"raw": raw, "ours": ours}.items()}
    return Figure(
        name=name, value=each["raw"] / each["ours"], target=1.8, unit="x", better="higher",
        detail=f"real time, {RAW} cells one after another: {each['raw']:.1f} s against {each['ours']:.1f} s a cell",
    )  # fmt: skip
