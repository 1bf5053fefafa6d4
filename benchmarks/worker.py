"""Previews the cells of a home over and over in one warm worker and prints CPU and memory: `HOME COUNT [ENGINE]`.

CPU is that of library and worker, and of what a worker waited for, for each preview after the first ones.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.memory import memory_of
from benchmarks.warm import children
from cellctl.cell import preview_all
from cellctl.home import Home
from cellctl.plan import Plan
from cellctl.run.options import RunOptions

SETTLED = 8  # previews before which caches fill


def main(home: Home, count: int, engine: str = "") -> None:
    """Preview `count` times; every plan must be of its own cell alone, and as large as the first: all are alike."""
    names = itertools.islice(itertools.cycle(home.cell_names()), count)
    first: Plan | None = None
    costs: list[float] = []
    sizes: list[float] = []
    options = RunOptions(clock="stepped", refresh="none", at_once=1, engine=engine, environment=dict(os.environ))
    for name, plan in preview_all(home, names, options=options):
        if not isinstance(plan, Plan) or plan.errored:
            raise RuntimeError(f"{name}: {plan if not isinstance(plan, Plan) else plan.diagnostics}")
        first = first or plan
        strangers = [row.urn for row in plan.changes if not row.urn.startswith(f"urn:pulumi:cell-{name}::")]
        if strangers or plan.summary() != first.summary():
            raise RuntimeError(f"{name}: {plan.summary()} is not {first.summary()}; strangers: {strangers[:3]}")
        pid = children()[0]
        costs.append(time.process_time() + _cpu_of(pid))
        sizes.append(memory_of(pid)["rss_mb"])
    each = [after - before for before, after in itertools.pairwise(costs[SETTLED - 1 :])]
    numbers = {
        "cpu_s": min(each),
        "mean_s": sum(each) / len(each),
        "first_mb": sizes[SETTLED],
        "middle_mb": sizes[len(sizes) // 2],
        "last_mb": sizes[-1],
    }
    sys.stdout.write(json.dumps(numbers) + "\n")


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), int(sys.argv[2]), *sys.argv[3:])
