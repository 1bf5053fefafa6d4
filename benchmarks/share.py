"""Warm previews in this process under a sampling profiler: who uses the CPU? `HOME NAME ROUNDS`, prints shares."""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from cellctl.engine.automation import Cockpit
from cellctl.engine.wire import Setup, Task
from cellctl.home import Home
from cellctl.run.options import RunOptions
from cellctl.run.target import of_spec
from cellctl.spec import load

PERIOD_S = 0.001
OWNERS = (
    ("cellctl_sandbox/engine/", "engine"),
    ("cellctl/state/", "engine"),
    ("cellctl_sandbox/", "clouds"),
    ("cellctl_provider/", "clouds"),
    ("cellctl_components/", "program"),
    ("cellctl_stacks/", "program"),
    ("/cellctl/", "cellctl"),
    ("/pulumi", "sdk"),
    ("/asyncio/", "sdk"),
)
"""Part of a path -> whose time it is; the innermost frame that is anybody's decides (asyncio runs the SDK's tasks)."""


class Sampler:
    """Counts, at each tick of the process's CPU time, whose code the main thread is in."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._owners: dict[str, str] = {}

    def __enter__(self) -> Sampler:
        """Start."""
        signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, PERIOD_S, PERIOD_S)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        del number
        while frame is not None:
            owner = self._owner(frame.f_code.co_filename)
            if owner:
                self.counts[owner] += 1
                return
            frame = frame.f_back
        self.counts["other"] += 1

    def _owner(self, path: str) -> str:
        if path not in self._owners:
            self._owners[path] = next((owner for part, owner in OWNERS if part in path), "")
        return self._owners[path]


def setup_for(home: Home, name: str) -> Setup:
    """Return the Setup that a preview of a cell gives its operation process."""
    target = of_spec(home, load(home.cell_file(name)), RunOptions())
    spaces = target.workspaces
    run_dir = home.private / "bench"
    run_dir.mkdir(exist_ok=True)
    return Setup(
        home=str(home.root),
        cell=name,
        cloud=target.cloud,
        stack=target.stack,
        work_dir=str(spaces.prepare(target.stack, target.config())),
        run_dir=str(run_dir),
        engine="embedded",
        clock="stepped",
        spec=target.spec,
        incarnation=1,
        account=target.facts(),
        environment=spaces.environment(target.backend),
        record=target.record(),
    )


def main(folder: Path, name: str, rounds: int) -> None:
    """Warm up, then sample and time."""
    created = [0]

    def heard(text: str, simulated: float | None) -> None:
        del simulated
        created[0] += "resourcePreEvent" in text

    cockpit = Cockpit(setup_for(Home(folder), name), heard)
    for _ in range(2):
        cockpit.perform(Task(verb="preview"))
    gc.collect()
    gc.freeze()
    gc.disable()
    created[0] = 0
    costs = []
    with Sampler() as sampler:
        for _ in range(rounds):
            before = time.process_time()
            cockpit.perform(Task(verb="preview"))
            costs.append(time.process_time() - before)
    cockpit.close()
    modules = [module for module in sys.modules if module.split(".")[0].startswith("pulumi")]
    (folder / ".cellctl" / "modules.txt").write_text("\n".join(modules))
    total = sampler.counts.total()
    shares = {owner: count / total for owner, count in sampler.counts.items()}
    sys.stdout.write(json.dumps({"cpu_s": min(costs), "resources": created[0] / rounds, **shares}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
