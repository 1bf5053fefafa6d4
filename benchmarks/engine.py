"""The engine by itself: many resources, one warm worker for many stacks, and beside the real CLI where there is one."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.measure import Figure, answer, cost, home_of

FEW, MANY = 1000, 2000
PREVIEWS, FEW_PREVIEWS = 60, 12
STACKS = 500


def figures(folder: Path, runs: int) -> list[Figure]:
    """Measure all of it."""
    folder.mkdir(parents=True)
    return [_scale(folder, runs), *_worker(folder, runs), _real_cli(folder, runs)]


def _scale(folder: Path, runs: int) -> Figure:
    taken: dict[int, list[float]] = {FEW: [], MANY: []}
    for number in range(runs):  # in turns
        for count, found in taken.items():
            found.append(answer("scale", str(folder / f"scale{number}"), str(count))["cpu_s"])
    few, many = min(taken[FEW]), min(taken[MANY])
    return Figure(
        name=f"CPU of creating {MANY} resources against {FEW}",
        value=many / few,
        target=2.2,
        unit="x",
        detail=f"{many:.1f} s against {few:.1f} s, one `up` of the embedded engine, every step saved",
    )


def _worker(folder: Path, runs: int) -> list[Figure]:
    several = home_of(folder / "worker", "aws", ("anna", "bert", "cleo"))
    one = home_of(folder / "cold", "aws", ("anna",))
    naive = folder / "naive"
    naive.mkdir()
    cold, bare, warm = [], [], []
    for number in range(runs):
        bare.append(cost("-m", "benchmarks.naive_aws", str(naive), f"cell{number}").cpu_s)
        cold.append(cost("-m", "benchmarks.warm", str(one.root)).cpu_s)
        warm.append(answer("worker", str(several.root), str(PREVIEWS)))
    best = min(warm, key=lambda item: item["cpu_s"])
    return [
        Figure(
            name="aws: CPU of a preview, a cold process each (the naive way) against a warm worker",
            value=min(bare) / best["cpu_s"],
            target=6,
            unit="x",
            detail=f"{min(bare):.2f} s against {best['cpu_s']:.2f} s, library and operation process together; "
            f"a cold process of our own takes {min(cold):.2f} s, {min(cold) / best['cpu_s']:.1f} times as much",
            better="higher",
        ),
        _stacks(folder),
    ]


def _stacks(folder: Path) -> Figure:
    """Preview many cells, each once, in one worker."""
    home = home_of(folder / "stacks", "aws", [f"c{number:03}" for number in range(STACKS)])
    found = answer("worker", str(home.root), str(STACKS))
    return Figure(
        name=f"memory that a worker gains over {STACKS} stacks",
        value=found["last_mb"] - found["first_mb"],
        target=10,
        unit=" MB",
        detail=f"whole AWS cells, one preview each: {found['first_mb']:.0f} MB after the first ones, "
        f"{found['middle_mb']:.0f} MB half way, {found['last_mb']:.0f} MB after the last; each plan was of its own "
        f"cell alone and as large as the first; {found['mean_s']:.2f} s of CPU for each",
    )


def _real_cli(folder: Path, runs: int) -> Figure:
    name, target = "aws: CPU of a preview, our way through the real CLI against the embedded engine", 3
    if shutil.which("pulumi") is None:
        detail = "not measured: no pulumi on PATH"
        return Figure(name=name, value=0, target=target, unit="x", detail=detail, better="higher", skipped=True)
    home = home_of(folder / "engines", "aws", ("anna",))
    taken: dict[str, list[float]] = {"embedded": [], "pulumi": []}
    for _ in range(runs):
        for engine, found in taken.items():
            found.append(answer("worker", str(home.root), str(FEW_PREVIEWS), engine)["cpu_s"])
    embedded, real = min(taken["embedded"]), min(taken["pulumi"])
    return Figure(
        name=name,
        value=real / embedded,
        target=target,
        unit="x",
        detail=f"{real:.2f} s against {embedded:.2f} s, warm workers both; the CLI and its plugins counted",
        better="higher",
    )
