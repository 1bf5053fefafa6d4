"""Previews every cell of a home once with the library: `HOME [ENGINE]`; prints seconds and all processes' memory."""

from __future__ import annotations

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


def main(home: Home, engine: str = "") -> None:
    """Preview them; refresh is off, as the naive way reads nothing either."""
    began, done, workers = time.monotonic(), 0, dict[int, float]()
    options = RunOptions(clock="stepped", refresh="none", engine=engine, environment=dict(os.environ))
    for name, plan in preview_all(home, options=options):
        if not isinstance(plan, Plan) or plan.errored or not plan.summary()["create"]:
            raise RuntimeError(f"{name}: {plan if not isinstance(plan, Plan) else plan.diagnostics}")
        workers.update({pid: memory_of(pid)["peak_mb"] for pid in children()})
        done += 1
    wall_s = time.monotonic() - began
    own = memory_of(os.getpid())["peak_mb"]
    sys.stdout.write(
        json.dumps({"wall_s": wall_s, "cells": done, "own_mb": own, "worker_mb": sum(workers.values())}) + "\n"
    )


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), *sys.argv[2:])
