"""Whole cells: real time at the default clock, and simulated time against the critical path of the resource graph."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.measure import Figure, cost, home_of
from cellctl.cell import Cell
from cellctl.events import Event, ResourceDone, ResourceStarted, RunStarted
from cellctl.home import Home
from cellctl.run.options import RunOptions
from cellctl.run.target import of_spec
from cellctl.spec import load
from cellctl.state.resources import ResourceState

NAME = "bench"


def figures(folder: Path, runs: int) -> list[Figure]:
    """Measure one cell at the default clock and one in stepped time on each cloud."""
    simulated = (figure for cloud in ("aws", "azure") for figure in _simulated(folder, cloud))
    return [_real(folder, runs), *simulated]


def _real(folder: Path, runs: int) -> Figure:
    taken = []
    for number in range(runs):
        home = folder / f"real{number}"
        home.mkdir(parents=True)
        done = cost("-m", "cli", "up", "--cloud", "aws", NAME, "--home", str(home), "--yes")
        taken.append(done)
    best = min(taken, key=lambda item: item.wall_s)
    return Figure(
        name="a whole AWS cell at the default clock",
        value=best.wall_s,
        target=15,
        unit=" s",
        detail=f"real time; {best.cpu_s:.1f} s of CPU",
    )


@dataclass
class Timeline:
    """What an `up` tells of simulated time."""

    began: float = 0.0
    ended: float = 0.0
    started: dict[str, float] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """Take one event."""
        now = event.moment.simulated_at or 0.0
        if isinstance(event, RunStarted) and not self.started:
            self.began = now
        elif isinstance(event, ResourceStarted):
            self.started.setdefault(event.urn, now)
        elif isinstance(event, ResourceDone):
            self.ended = max(self.ended, now)
            self.durations[event.urn] = now - self.started.get(event.urn, now)


def _simulated(folder: Path, cloud: str) -> list[Figure]:
    home = home_of(folder / f"stepped-{cloud}", cloud, [NAME])
    told = Timeline()
    outcome = Cell.open(NAME, home=home).up(
        ask=lambda _plan, _objections: True, options=RunOptions(clock="stepped"), on_event=told.hear
    )
    if outcome.result != "succeeded":
        raise RuntimeError(f"up ended as {outcome.result}: {outcome.failures}")
    loaded = of_spec(home, load(home.cell_file(NAME)), RunOptions()).load()
    assert loaded is not None
    durations = {**told.durations, **_calls(home)}
    critical = critical_path({row.urn: row for row in loaded.checkpoint.resources}, durations)
    makespan = told.ended - told.began
    path = Figure(
        name=f"{cloud}: simulated `up` against its critical path",
        value=makespan / critical,
        target=1.05,
        unit="x",
        detail=f"{makespan:.0f} s against {critical:.0f} simulated s, {outcome.changes['create']} resources",
    )
    return [path, *_asked(home, cloud, int(outcome.changes["create"]))]


def _asked(home: Home, cloud: str, made: int) -> list[Figure]:
    """Count what an `up` and a preview ask of the cloud: calls on resources, as its log has them."""
    before = _counted(home)
    plan = Cell.open(NAME, home=home).preview(options=RunOptions(clock="stepped"))
    if plan.changes and not plan.empty:
        raise RuntimeError("a preview after an `up` has changes")
    reads = _counted(home) - before
    words = ", ".join(f"{number} {kind}" for kind, number in sorted(before.items()))
    look = ", ".join(f"{number} {kind}" for kind, number in sorted(reads.items())) or "none"
    return [
        Figure(
            name=f"{cloud}: calls on resources in an `up`, for each resource that it makes",
            value=before.total() / made,
            target=1.1,
            unit="",
            detail=f"{before.total()} calls ({words}); a provider makes several API calls for each",
        ),
        Figure(
            name=f"{cloud}: calls on resources in a preview, for each resource",
            value=reads.total() / made,
            target=1,
            unit="",
            detail=f"{reads.total()} calls ({look}); through the real CLI only what holds data is read",
        ),
    ]


def _counted(home: Home) -> Counter[str]:
    """Return how many calls of each kind the simulated cloud has had so far."""
    query = "SELECT operation, count(*) FROM calls WHERE package IN ('aws', 'azure-native') GROUP BY operation"
    with closing(sqlite3.connect(home.sandbox_database)) as rows:
        return Counter({str(kind): int(number) for kind, number in rows.execute(query)})


def _calls(home: Home) -> dict[str, float]:
    """Return how long each create took the simulated cloud; waiting for its turn is no part of it."""
    query = "SELECT urn, sum(due_s - at_s) FROM calls WHERE operation = 'create' GROUP BY urn"
    with closing(sqlite3.connect(home.sandbox_database)) as rows:
        return {str(urn): float(taken) for urn, taken in rows.execute(query)}


def critical_path(rows: Mapping[str, ResourceState], durations: Mapping[str, float]) -> float:
    """Return the length of the longest chain of dependencies, in simulated seconds."""

    @cache
    def finish(urn: str) -> float:
        row = rows.get(urn)
        if row is None:
            return 0.0
        before = {*row.dependencies, *(one for many in row.property_dependencies.values() for one in many)}
        before |= {row.provider.rsplit("::", 1)[0], row.parent} - {""}
        return max(map(finish, before), default=0.0) + (durations.get(urn, 0.0) if row.custom else 0.0)

    return max(map(finish, rows))
