"""Previews: ours against the naive way, the engine's share, one cloud against the other, memory."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Figure, answer, cost, home_of

CLOUDS = ("aws", "azure")
CELLS = ("anna", "bert", "cleo", "dora", "emil")
ROUNDS = 8


def figures(folder: Path, runs: int) -> list[Figure]:
    """Measure both clouds side by side."""
    against = [_naive(folder, cloud, runs) for cloud in CLOUDS]
    warm = {cloud: _warm(folder, cloud, runs) for cloud in CLOUDS}
    memory = [_memory(folder, cloud) for cloud in CLOUDS]
    return [*against, *(_share(cloud, warm[cloud]) for cloud in CLOUDS), _ratio(warm), *memory]


def _naive(folder: Path, cloud: str, runs: int) -> Figure:
    home = home_of(folder / f"ours-{cloud}", cloud, CELLS)
    other = folder / f"naive-{cloud}"
    other.mkdir()
    ours, naive = [], []
    for number in range(runs):  # in turns, so that what else the machine does meets both
        ours.append(cost("-m", "benchmarks.warm", str(home.root)).cpu_s / len(CELLS))
        naive.append(cost("-m", f"benchmarks.naive_{cloud}", str(other), f"cell{number}").cpu_s)
    return Figure(
        name=f"{cloud}: CPU of a preview, the naive way against ours",
        value=min(naive) / min(ours),
        target=5,
        unit="x",
        detail=f"{min(naive):.2f} s against {min(ours):.2f} s ({len(CELLS)} cells, the start of everything included)",
        better="higher",
    )


def _warm(folder: Path, cloud: str, runs: int) -> dict[str, float]:
    home = home_of(folder / f"warm-{cloud}", cloud, CELLS[:1])
    taken = [answer("share", str(home.root), CELLS[0], str(ROUNDS)) for _ in range(runs)]
    return min(taken, key=lambda item: item["cpu_s"])


def _share(cloud: str, warm: dict[str, float]) -> Figure:
    parts = ("sdk", "program", "clouds", "cellctl", "other")
    rest = ", ".join(f"{part} {warm.get(part, 0):.0%}" for part in parts)
    return Figure(
        name=f"{cloud}: the engine's share of a warm preview's CPU",
        value=warm.get("engine", 0.0) * 100,
        target=25,
        unit=" %",
        detail=f"of {warm['cpu_s']:.2f} s for {warm['resources']:.0f} resources; {rest}",
    )


def _ratio(warm: dict[str, dict[str, float]]) -> Figure:
    each = {cloud: item["cpu_s"] / item["resources"] * 1000 for cloud, item in warm.items()}
    return Figure(
        name="CPU for each resource of a warm preview, Azure against AWS",
        value=each["azure"] / each["aws"],
        target=1.5,
        unit="x",
        detail=f"{each['azure']:.1f} ms against {each['aws']:.1f} ms",
    )


def _memory(folder: Path, cloud: str) -> Figure:
    ours = answer("warm", str(folder / f"warm-{cloud}"))
    bare = answer("imports", str(folder / f"warm-{cloud}" / ".cellctl" / "modules.txt"))
    return Figure(
        name=f"{cloud}: peak memory of an operation process against the SDK imports alone",
        value=ours["peak_mb"] / bare["peak_mb"],
        target=1.5,
        unit="x",
        detail=f"{ours['peak_mb']:.0f} MB against {bare['peak_mb']:.0f} MB; PSS {ours['pss_mb']:.0f} against "
        f"{bare['pss_mb']:.0f} MB",
    )
