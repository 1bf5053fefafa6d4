"""Previews all cells of a home with the library and prints what its operation process holds: `HOME`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.memory import memory_of
from cellctl.cell import preview_all
from cellctl.home import Home
from cellctl.plan import Plan
from cellctl.run.options import RunOptions


def children() -> list[int]:
    """Return the process ids of the operation processes of this process: each is the child of a thread."""
    found = {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}
    return sorted(pid for pid in found if b"engine.child" in Path(f"/proc/{pid}/cmdline").read_bytes())


def main(home: Path) -> None:
    """Preview every cell; refresh is off, as the naive way reads nothing either."""
    resources, memory, first = 0, {}, {}
    options = RunOptions(clock="stepped", refresh="none", at_once=1)  # one process: what a preview costs, not how fast
    for name, plan in preview_all(Home(home), options=options):
        if not isinstance(plan, Plan) or plan.errored:
            raise RuntimeError(f"{name}: {plan if not isinstance(plan, Plan) else plan.diagnostics}")
        resources = len(plan.changes)
        memory = memory_of(children()[0])
        first = first or memory
    sys.stdout.write(json.dumps({"resources": resources, **first, "after_all_mb": memory["peak_mb"]}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
