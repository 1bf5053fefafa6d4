"""Creates many resources with the embedded engine and prints what that took: `FOLDER COUNT`.

Each resource has a dozen properties and every tenth one uses an output of one a layer above: the graph is as deep for
many as for few. The collector rests while they are made, as in an operation process.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from cellctl_sandbox.testing.engine_bench import EngineBench, Ref, Thing

LAYERS = 20


def things(count: int) -> list[Thing]:
    """Return `count` resources."""
    filler = {f"key{n}": "a value of some length, as names and ids have" for n in range(10)}
    made = []
    for number in range(count):
        above = number - count // LAYERS
        after = {"after": Ref(f"t{above}")} if number % 10 == 0 and above >= 0 else {}
        made.append(Thing(f"t{number}", {**filler, "number": number, **after}))
    return made


def main(folder: Path, count: int) -> None:
    """Create them and print CPU seconds."""
    EngineBench(folder / "warm-up").up(*things(20))
    bench, declared = EngineBench(folder / str(count)), things(count)
    gc.collect()
    gc.freeze()
    gc.disable()
    before = time.process_time()
    seen = bench.up(*declared)
    cpu_s = time.process_time() - before
    if seen.result.changes.get("create") != count + 1:
        raise RuntimeError(f"{seen.result.changes}: {seen.errors[:3]}")
    sys.stdout.write(json.dumps({"cpu_s": cpu_s, "created": count}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
